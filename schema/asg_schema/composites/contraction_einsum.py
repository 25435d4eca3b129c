"""Sums of products over labelled axes, computed as matrix products."""

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, StrictStr
from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.diagonals import take_diagonal
from asg_schema.dims import Dim, bind_dim, element_count, symbols_of
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.layout import PermuteDims, Reshape
from asg_schema.ops.reduction import Sum
from asg_schema.subscripts import label_sizes, parse_equation
from asg_schema.tensor_type import TensorType

__all__ = ["Einsum"]

_ESTIMATE = 64  # of a symbol, where an order is chosen
_MOST_OPERANDS_TO_ORDER = 32


class Einsum(Composite):
    """The sum of products over labelled axes: `ij,jk->ik` is result[i, k] = Σⱼ x[i, j] · y[j, k].

    The equation has for each operand a letter for each axis, behind `->` those of the result; letters that the result
    does not have are summed over. A letter that an operand has twice takes its diagonal. Axes of one letter have equal
    sizes, or 1, which is repeated. An ellipsis `...` stands for any further axes of an operand, which broadcast,
    aligned at the last; where the result has no ellipsis, they are summed over. Without `->` the result has the axes of
    the ellipses, and then those of the letters that stand once, in ASCII order (upper case first). Spaces do not count
    (`numpy.einsum`, `torch.einsum`). The result has each letter once, and the dtype of the operands; with the axes of
    the ellipses, there are at most 52 different ones.

    float16 and bfloat16 are computed in float32 and rounded once at the end. Operands are contracted two at a time, in
    an order in which each product is as cheap as possible.

    Gradient:
        operands: of each operand, the sum of ḡ times all other operands, over all labels that the operand does not
            have: the einsum of ḡ, with the result's labels, and the other operands, with theirs, to the labels of the
            operand. It is repeated along axes that only the operand has and the result has not, summed along axes on
            which the operand was repeated, and stands on the diagonal, with zeros beside it, where the operand has a
            label twice.
    """

    op: Literal["einsum"] = "einsum"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("operands", DTypeGroup.NUMERIC, variadic=True),)
    equation: Annotated[StrictStr, Field(max_length=1024)] = Field(
        description="The labels of the operands' axes, separated by commas, then \"->\" and those of the result's."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        subscripts = parse_equation(self.equation, [operand.rank for operand in operands])
        sizes = label_sizes(subscripts, [operand.shape for operand in operands])
        return (TensorType(operands[0].dtype, tuple(sizes[label] for label in subscripts.output)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        subscripts = parse_equation(self.equation, [operand.rank for operand in operands])
        sizes = label_sizes(subscripts, [operand.shape for operand in operands])
        factors = [
            _without_repetitions(_Factor(widen(operand), labels), sizes)
            for operand, labels in zip(operands, subscripts.operands, strict=True)
        ]
        while len(factors) > 1:
            first, second = _cheapest_pair(factors, subscripts.output, sizes)
            right, left = factors.pop(second), factors.pop(first)
            kept = {*subscripts.output, *(label for factor in factors for label in factor.labels)}
            factors.append(_product(_summed(left, {*kept, *right.labels}), _summed(right, {*kept, *left.labels}), kept))
        (last,) = factors
        result = _permuted(_summed(last, set(subscripts.output)), subscripts.output)
        return (narrow(result.value, operands[0].dtype),)


class _Factor(NamedTuple):
    """A value and a label for each of its axes."""

    value: Value
    labels: tuple[str, ...]


def _permuted(factor: _Factor, labels: Sequence[str]) -> _Factor:
    """The axes in another order."""
    if tuple(labels) == factor.labels:
        return factor
    return _Factor(PermuteDims.of(factor.value, axes=tuple(map(factor.labels.index, labels))), tuple(labels))


def _reshaped(x: Value, shape: Iterable[Dim]) -> Value:
    shape = tuple(shape)
    return x if x.shape == shape else Reshape.of(x, shape=shape)


def _without_repetitions(factor: _Factor, sizes: dict[str, Dim]) -> _Factor:
    """The factor with each label once, and without axes of size 1 that are repeated elsewhere."""
    value, labels = factor
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            others = [axis for axis in range(value.rank) if axis not in (first, second)]
            value = take_diagonal(PermuteDims.of(value, axes=(*others, first, second)))
            labels = (*(labels[axis] for axis in others), label)
    shape = {label: dim for label, dim in zip(labels, value.shape, strict=True) if dim != 1 or sizes[label] == 1}
    return _Factor(_reshaped(value, shape.values()), tuple(shape))


def _summed(factor: _Factor, kept: set[str]) -> _Factor:
    """The factor summed over the labels that are not in `kept`."""
    axes = tuple(axis for axis, label in enumerate(factor.labels) if label not in kept)
    if not axes:
        return factor
    return _Factor(Sum.of(factor.value, axis=axes), tuple(label for label in factor.labels if label in kept))


def _product(left: _Factor, right: _Factor, kept: set[str]) -> _Factor:
    """The product of two factors, summed over the labels that both have and that are not in `kept`."""
    shared = [label for label in left.labels if label in right.labels]
    batch, summed = [label for label in shared if label in kept], [label for label in shared if label not in kept]
    rows = [label for label in left.labels if label not in shared]
    columns = [label for label in right.labels if label not in shared]
    if batch and not rows and not columns:  # a matrix product for each of many short lines would be slower
        right = _permuted(right, left.labels)
        return _summed(_Factor(left.value * right.value, left.labels), {*batch})
    left, right = _permuted(left, [*batch, *rows, *summed]), _permuted(right, [*batch, *summed, *columns])
    dims = left.value.shape
    batch_dims, row_dims = dims[: len(batch)], dims[len(batch) : len(batch) + len(rows)]
    summed_dims, column_dims = dims[len(batch) + len(rows) :], right.value.shape[len(shared) :]
    labels = (*batch, *rows, *columns)
    if not summed:  # a product of matrices with an inner size of 1 would be slower
        spread = _reshaped(left.value, (*batch_dims, *row_dims, *(1,) * len(columns)))
        across = _reshaped(right.value, (*batch_dims, *(1,) * len(rows), *column_dims))
        return _Factor(spread * across, labels)
    inner = element_count(summed_dims)
    # Axes of the batch stay apart: merged, those of an operand that was permuted would have to be copied.
    a = _reshaped(left.value, (*batch_dims, *_merged(row_dims), inner))
    b = _reshaped(right.value, (*batch_dims, inner, *_merged(column_dims)))
    if batch and not rows:
        a = _reshaped(a, (*batch_dims, 1, inner))
    if batch and not columns:
        b = _reshaped(b, (*batch_dims, inner, 1))
    return _Factor(_reshaped(Matmul.of(a, b), (*batch_dims, *row_dims, *column_dims)), labels)


def _merged(dims: Sequence[Dim]) -> tuple[Dim, ...]:
    """Several axes made one; no axis where there is none."""
    return (element_count(dims),) if dims else ()


def _cheapest_pair(factors: Sequence[_Factor], output: Sequence[str], sizes: dict[str, Dim]) -> tuple[int, int]:
    """The two factors whose product takes the fewest multiplications; of equals the first."""
    if len(factors) == 2 or len(factors) > _MOST_OPERANDS_TO_ORDER:
        return 0, 1
    estimates = {label: _estimate(size) for label, size in sizes.items()}
    costs: dict[tuple[int, int], float] = {}
    for second in range(1, len(factors)):
        for first in range(second):
            others = (factor.labels for index, factor in enumerate(factors) if index not in (first, second))
            kept = {*output, *(label for labels in others for label in labels)}
            mine, yours = set(factors[first].labels), set(factors[second].labels)
            needed = (mine & (yours | kept)) | (yours & (mine | kept))
            cost = 1.0
            for label in sorted(needed):
                cost *= estimates[label]
            costs[first, second] = cost
    return min(costs, key=lambda pair: (costs[pair], pair))


def _estimate(size: Dim) -> int:
    """About how large a dim is; every symbol counts the same."""
    if isinstance(size, int):
        return size
    try:
        return max(1, bind_dim(size, dict.fromkeys(symbols_of(size), _ESTIMATE)))
    except ZeroDivisionError:
        return _ESTIMATE
