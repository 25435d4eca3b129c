"""Control of how a document is run."""

from asg_builder.tensor import Tensor, apply
from asg_schema.ops.control import Barrier

__all__ = ["barrier"]


def barrier(x: Tensor, /) -> Tensor:
    """`x` itself, of any dtype; what is computed from it is never merged with what is computed from x."""
    return apply(Barrier, x)
