"""Rows of tables, diagonals and triangles of matrices."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field
from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import count_elements, index_grid, refuse_negative
from asg_schema.matrix_shapes import matrix_sides, smaller_side
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Equal, GreaterEqual, LessEqual
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Astype, StopGradient, Where
from asg_schema.ops.indexing import ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.layout import BroadcastTo, Pad, Reshape, Slice
from asg_schema.tensor_type import TensorType

__all__ = ["Diag", "Diagonal", "Embedding", "OneHot", "Tril", "Triu"]

_LARGEST = 2**62  # an index and an offset add up without overflow

_Offset: TypeAlias = Annotated[int, Field(strict=True, ge=-_LARGEST, le=_LARGEST)]


def _check_range(x: TensorType, count: Dim, what: str) -> None:
    if isinstance(count, int) and count > x.dtype.integer_range[1]:
        raise RuleError(f"{{0}} cannot tell {count} {what} apart; int64 is needed there", operand=0)


class OneHot(Composite):
    """1 at the index that each element of x is, along a new last axis of size `num_classes`, and 0 elsewhere.

    result[…, j] = 1 where x[…] = j. An index outside [0, num_classes), a negative one too, makes the run fail
    (`torch.nn.functional.one_hot`).
    """

    op: Literal["one_hot"] = "one_hot"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.INDEX, variable="I", differentiable=False),)
    num_classes: Annotated[
        int, Field(strict=True, ge=0, le=_LARGEST, description="The number of classes: the size of the new axis.")
    ]
    dtype: DType = Field(default=DType.FLOAT32, description="The dtype of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        _check_range(x, self.num_classes, "classes")
        return (TensorType(self.dtype, (*x.shape, self.num_classes)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        counted = DType.UINT8 if self.dtype is DType.BOOL else self.dtype
        zeros, shape = x.editor.full((*x.shape, self.num_classes), 0, counted), (*x.shape, 1)
        indices = Reshape.of(refuse_negative(x, x.scalar(self.num_classes)), shape=shape)
        result = ScatterAddAlongAxis.of(zeros, indices, x.editor.full(shape, 1, counted))
        return (result if counted is self.dtype else Astype.of(result, dtype=self.dtype),)


class Embedding(Composite):
    """The rows of a table that indices name: x […] and `weight` [rows, features] give […, features].

    result[…, :] = weight[x[…], :]. An index outside [0, rows), a negative one too, makes the run fail
    (`torch.nn.functional.embedding`).

    Gradient:
        weight: index_add(zeros of the shape of weight, x, ḡ): a row that is taken several times gets the sum. With
            `padding_idx` that row gets 0.
    """

    op: Literal["embedding"] = "embedding"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.INDEX, variable="I", differentiable=False),
        Operand("weight"),
    )
    padding_idx: _Offset | None = Field(
        default=None, description="A row that gets no gradient; a negative one counts from the end. Absent: none."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, weight = operands
        if weight.rank != 2:
            raise RuleError("{1} is the table; shape [rows, features] is needed there", operand=1)
        rows = weight.shape[0]
        _check_range(x, rows, "rows")
        if self.padding_idx is not None:
            if isinstance(rows, int) and not -rows <= self.padding_idx < rows:
                raise RuleError(
                    f"padding_idx is {self.padding_idx}, and {{1}} has {rows} rows; an index from {-rows} to "
                    f"{rows - 1} is needed",
                    field="padding_idx",
                )
            if not x.dtype.integer_range[0] <= self.padding_idx <= x.dtype.integer_range[1]:
                raise RuleError(f"padding_idx is {self.padding_idx}, which {{0}} cannot hold", field="padding_idx")
        return (TensorType(weight.dtype, (*x.shape, weight.shape[1])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, weight = operands
        count = count_elements(weight, [0], x.dtype)
        rows = Take.of(weight, refuse_negative(x, count), axis=0)
        if self.padding_idx is None:
            return (rows,)
        padding = x.scalar(self.padding_idx)
        if self.padding_idx < 0:
            padding = padding + count
        padded = Reshape.of(Equal.of(x, padding), shape=(*x.shape, 1))
        return (Where.of(padded, StopGradient.of(rows), rows),)


def _diagonal_size(rows: Dim, columns: Dim, offset: int) -> Dim:
    """The size of a diagonal of a matrix.

    Raises:
        RuleError: symbols leave open whether its rows or its columns end it.
    """
    return smaller_side(rows + min(offset, 0), columns - max(offset, 0), "the diagonal of {0}")


class Diagonal(Composite):
    """A diagonal of each matrix in the last two axes, as the array API standard's `linalg.diagonal` has it.

    result[…, i] = x[…, i, i + offset], and x[…, i - offset, i] for a negative offset. A diagonal that lies outside the
    matrix is empty. Sizes that are symbols differ by a number, and the diagonal lies within the matrix.

    Gradient:
        x: zeros with ḡ on that diagonal.
    """

    op: Literal["diagonal"] = "diagonal"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)
    offset: _Offset = Field(default=0, description="Which diagonal: 0 is the main one, positive ones lie above it.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        size = _diagonal_size(*matrix_sides(x), self.offset)
        return (TensorType(x.dtype, (*x.shape[:-2], size)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        size = _diagonal_size(x.shape[-2], x.shape[-1], self.offset)
        batch = x.shape[:-2]
        if size == 0:
            none = Slice.of(x, start=(0,) * x.rank, stop=(*batch, 0, x.shape[-1]))
            return (Reshape.of(Slice.of(none, start=(0,) * x.rank, stop=(*batch, 0, 0)), shape=(*batch, 0)),)
        first, begin = max(-self.offset, 0), max(self.offset, 0)
        rows = Slice.of(x, start=(*(0,) * len(batch), first, 0), stop=(*batch, first + size, x.shape[-1]))
        (columns,) = x.editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (size, 1)})
        indices = BroadcastTo.of(columns + begin if begin else columns, shape=(*batch, size, 1))
        return (Reshape.of(TakeAlongAxis.of(rows, indices, axis=-1), shape=(*batch, size)),)


class Diag(Composite):
    """A matrix with x on its k-th diagonal and zeros elsewhere; of a matrix, its k-th diagonal (`numpy.diag`).

    The result has the dtype of x. For x of rank 1 and size n its shape is [n + |k|, n + |k|]; for x of rank 2 it is
    diagonal(x, offset=k).

    Gradient:
        x: for rank 1 diagonal(ḡ, offset=k); for rank 2 zeros with ḡ on that diagonal.
    """

    op: Literal["diag"] = "diag"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)
    k: _Offset = Field(default=0, description="Which diagonal: 0 is the main one, positive ones lie above it.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        if x.rank not in (1, 2):
            raise RuleError(f"{{0}} has rank {x.rank}; a vector or a matrix is needed", operand=0)
        if x.rank == 2:
            return (TensorType(x.dtype, (_diagonal_size(x.shape[0], x.shape[1], self.k),)),)
        size = x.shape[0] + abs(self.k)
        return (TensorType(x.dtype, (size, size)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if x.rank == 2:
            return (Diagonal.of(x, offset=self.k),)
        size = x.shape[0] + abs(self.k)
        by_row = Pad.of(x, low=(max(-self.k, 0),), high=(max(self.k, 0),))
        row, column = index_grid(x.editor, size, size)
        on_diagonal = Equal.of(row + self.k if self.k else row, column)
        return (Where.of(on_diagonal, Reshape.of(by_row, shape=(size, 1)), _zero(x)),)


def _zero(x: Value) -> Value:
    return x.scalar(False if x.dtype is DType.BOOL else 0)


class _Triangle(Composite):
    """The result has the operand's type."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)
    k: _Offset = Field(default=0, description="Which diagonal bounds it: 0 is the main one, positive ones lie above.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        matrix_sides(operands[0])
        return (operands[0],)

    def _places(self, x: Value) -> tuple[Value, Value]:
        """The diagonal that a row ends on, and the column, of each place of a matrix."""
        row, column = index_grid(x.editor, x.shape[-2], x.shape[-1])
        return (row + self.k if self.k else row), column


class Tril(_Triangle):
    """The elements on and below the k-th diagonal of the last two axes, and zeros above it.

    Gradient:
        x: tril(ḡ, k).
    """

    op: Literal["tril"] = "tril"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        diagonal, column = self._places(x)
        return (Where.of(LessEqual.of(column, diagonal), x, _zero(x)),)


class Triu(_Triangle):
    """The elements on and above the k-th diagonal of the last two axes, and zeros below it.

    Gradient:
        x: triu(ḡ, k).
    """

    op: Literal["triu"] = "triu"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        diagonal, column = self._places(x)
        return (Where.of(GreaterEqual.of(column, diagonal), x, _zero(x)),)
