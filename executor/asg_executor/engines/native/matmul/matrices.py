"""`Matrices`: the operands and the result of matrix products, as they lie in memory."""

from dataclasses import dataclass
from math import prod

__all__ = ["Matrices", "Matrix"]


@dataclass(frozen=True)
class Matrix:
    """How matrices lie in memory. Strides count elements; 0 repeats.

    Attributes:
        batch: between neighbours along each axis of the batch.
        row: between neighbours in a column.
        column: between neighbours in a row.
    """

    batch: tuple[int, ...]
    row: int
    column: int


@dataclass(frozen=True)
class Matrices:
    """Matrix products: one for each index along the axes of the batch.

    Attributes:
        batch: the sizes of the batch's axes.
        rows: the rows of the left matrix and the result.
        columns: the columns of the right matrix and the result.
        depth: the columns of the left matrix, and the rows of the right one.
        left: how the left matrices lie.
        right: how the right matrices lie.
    """

    batch: tuple[int, ...]
    rows: int
    columns: int
    depth: int
    left: Matrix
    right: Matrix

    @property
    def batches(self) -> int:
        """How many products there are."""
        return prod(self.batch)

    def simplified(self) -> "Matrices":
        """The same with as few axes of the batch as possible. Products with one right matrix are one with more rows."""
        axes: list[tuple[int, int, int]] = []  # size, and the strides of left and right
        for axis in zip(self.batch, self.left.batch, self.right.batch, strict=True):
            size, *strides = axis
            if axes and list(axes[-1][1:]) == [stride * size for stride in strides]:
                axes[-1] = (axes[-1][0] * size, strides[0], strides[1])
            elif size > 1:
                axes.append(axis)
        rows, row = self.rows, self.left.row
        while axes and axes[-1][2] == 0 and (rows == 1 or axes[-1][1] == row * rows):
            size, stride, _ = axes.pop()
            row = stride if rows == 1 else row
            rows *= size
        left = Matrix(tuple(stride for _, stride, _ in axes), row, self.left.column)
        right = Matrix(tuple(stride for *_, stride in axes), self.right.row, self.right.column)
        return Matrices(tuple(size for size, *_ in axes), rows, self.columns, self.depth, left, right)
