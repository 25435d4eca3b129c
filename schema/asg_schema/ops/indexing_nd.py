"""Gathers and scatters by whole index tuples, along several axes at once.

The last axis of `indices` has a known size K. Each of its lines is one tuple: it names an element, or a slice, of x by
its first K axes behind the `batch_dims` leading ones. Each index lies in [-n, n) along its axis of size n; negative
ones count from the end. One outside makes the run fail: nothing is clamped or dropped in silence.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.dims import Dim
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import MOST_AXES, TensorType

__all__ = ["GatherNd", "ScatterNdAdd", "ScatterNdSet"]

_INDICES = Operand("indices", DTypeGroup.INDEX, variable="I", differentiable=False)


class _ByTuples(Op):
    """An op whose indices are tuples."""

    batch_dims: Annotated[int, Field(strict=True, ge=0, le=MOST_AXES)] = Field(
        default=0, description="How many leading axes x and `indices` have in common, each of their places by itself."
    )

    def _gathered_shape(self, x: TensorType, indices: TensorType) -> tuple[Dim, ...]:
        """The shape of what `indices` name in x.

        Raises:
            RuleError: the two do not fit each other.
        """
        batch = self.batch_dims
        if indices.rank == 0:
            raise RuleError("{1} has rank 0; its last axis, the index tuples, is missing", operand=1)
        if batch > x.rank or batch > indices.rank - 1:
            raise RuleError(
                f"batch_dims is {batch}; {{0}} and {{1}} without its last axis have "
                f"{min(x.rank, indices.rank - 1)} leading axes in common",
                field="batch_dims",
            )
        for axis in range(batch):
            if x.shape[axis] != indices.shape[axis]:
                raise RuleError(
                    f"axis {axis} of {{1}} is {indices.shape[axis]} and that of {{0}} is {x.shape[axis]}; axes before "
                    f"batch_dims {batch} must be equal",
                    operand=1,
                )
        size = indices.shape[-1]
        if not isinstance(size, int):
            raise RuleError(f"the last axis of {{1}} is {size}; the size of an index tuple must be a number", operand=1)
        if size > x.rank - batch:
            raise RuleError(
                f"the last axis of {{1}} is {size}; {{0}} has {x.rank - batch} axes behind batch_dims {batch}, and an "
                "index tuple at most as many indices",
                operand=1,
            )
        return (*indices.shape[:-1], *x.shape[batch + size :])


class GatherNd(_ByTuples):
    """The elements or slices of x that index tuples name: result[b…, i…, …] = x[b…, indices[b…, i…, 0], …].

    x has the shape [b…, n₁…n_K, …], `indices` [b…, i…, K]; the result [b…, i…, …], where … are the axes of x that no
    index names.

    Gradient:
        x: scatter_nd_add(zeros of the shape of x, indices, ḡ, batch_dims): repeated tuples add up.
    """

    op: Literal["gather_nd"] = "gather_nd"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY), _INDICES)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = operands
        return (TensorType(x.dtype, self._gathered_shape(x, indices)),)


class _Scatter(_ByTuples):
    """The result has the type of x."""

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices, source = operands
        expected = TensorType(x.dtype, self._gathered_shape(x, indices))
        if source != expected:
            raise RuleError(f"{{2}} is the source for {{0}} and {{1}}; {expected} is needed there", operand=2)
        return (x,)


class ScatterNdAdd(_Scatter):
    """x with elements or slices of `source` added where index tuples say: the adjoint of `gather_nd`.

    result = x; result[b…, indices[b…, i…, 0], …] += source[b…, i…, …]. Repeated tuples add up; integers wrap around.
    `source` has the dtype of x and the shape of gather_nd(x, indices).

    Gradient:
        x: ḡ.
        source: gather_nd(ḡ, indices, batch_dims).
    """

    op: Literal["scatter_nd_add"] = "scatter_nd_add"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.NUMERIC),
        _INDICES,
        Operand("source", DTypeGroup.NUMERIC),
    )


class ScatterNdSet(_Scatter):
    """x with elements or slices replaced by those of `source` where index tuples say.

    result = x; result[b…, indices[b…, i…, 0], …] = source[b…, i…, …]. Of repeated tuples the last one in row-major
    order wins. `source` has the dtype of x and the shape of gather_nd(x, indices).

    Gradient:
        x: ḡ with 0 in every place that a tuple names: scatter_nd_set(ḡ, indices, zeros, batch_dims).
        source: gather_nd(ḡ, indices, batch_dims) for the tuples that win, 0 for those that a later equal tuple
            overwrites.
    """

    op: Literal["scatter_nd_set"] = "scatter_nd_set"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.ANY),
        _INDICES,
        Operand("source", DTypeGroup.ANY),
    )
