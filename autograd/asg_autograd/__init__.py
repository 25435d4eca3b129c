"""ASG, the transformer: from documents to documents that also compute derivatives."""

from asg_autograd.batching import vmap
from asg_autograd.checkpoint import Keep, checkpoint
from asg_autograd.diff import Change, Difference, diff
from asg_autograd.errors import DisconnectedError, NotDifferentiableError, TransformError
from asg_autograd.footprint import Footprint, footprint
from asg_autograd.forward_mode import hessian_vector_product, jvp
from asg_autograd.gradient import grad, vjp
from asg_autograd.lower import lower
from asg_autograd.mapped_axes import InAxis
from asg_autograd.merge import merge
from asg_autograd.prune import Unused, prune
from asg_autograd.rename import Renamed, rename
from asg_autograd.selection import Disconnected
from asg_autograd.show import DrawingFormat, show
from asg_autograd.simplify import Simplification, simplification, simplify
from asg_autograd.specialize import specialize
from asg_autograd.split import Linearization, Split, linearize, split

__all__ = [
    "Change",
    "Difference",
    "Disconnected",
    "DisconnectedError",
    "DrawingFormat",
    "Footprint",
    "InAxis",
    "Keep",
    "Linearization",
    "NotDifferentiableError",
    "Renamed",
    "Simplification",
    "Split",
    "TransformError",
    "Unused",
    "checkpoint",
    "diff",
    "footprint",
    "grad",
    "hessian_vector_product",
    "jvp",
    "linearize",
    "lower",
    "merge",
    "prune",
    "rename",
    "show",
    "simplification",
    "simplify",
    "specialize",
    "split",
    "vjp",
    "vmap",
]
