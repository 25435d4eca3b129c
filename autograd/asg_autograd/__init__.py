"""ASG, the transformer: from documents to documents that also compute derivatives."""

from asg_autograd.errors import DisconnectedError, NotDifferentiableError, TransformError
from asg_autograd.gradient import Disconnected, grad, vjp

__all__ = ["Disconnected", "DisconnectedError", "NotDifferentiableError", "TransformError", "grad", "vjp"]
