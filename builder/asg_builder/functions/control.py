"""Control of how a document is run."""

from collections.abc import Sequence

from asg_builder.tensor import Tensor, apply, apply_all
from asg_schema.composites.control import Call
from asg_schema.function import LinkedFunction
from asg_schema.ops.control import Barrier

__all__ = ["barrier", "call"]


def barrier(x: Tensor, /) -> Tensor:
    """`x` itself, of any dtype; what is computed from it is never merged with what is computed from x."""
    return apply(Barrier, x)


def call(operands: Sequence[Tensor], /, function: LinkedFunction) -> Tensor | tuple[Tensor, ...]:
    """The results of a function of a document, applied to `operands`: the one, or a tuple of all.

    `asg.function` makes such a function of Python code and calls it.

    Args:
        operands: one tensor for each of the function's inputs, of its type.
        function: the function.
    """
    results = apply_all(Call, *operands, function=function)
    return results[0] if len(results) == 1 else results
