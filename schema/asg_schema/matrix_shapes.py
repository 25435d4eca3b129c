"""The shapes of matrices that stand in the last two axes of a value."""

from asg_schema.dims import Dim
from asg_schema.errors import RuleError
from asg_schema.tensor_type import TensorType

__all__ = ["matrix_sides", "smaller_side", "square_side"]


def matrix_sides(x: TensorType, operand: int = 0) -> tuple[Dim, Dim]:
    """The numbers of rows and columns of the matrices of x, the given operand of an op.

    Raises:
        RuleError: x has fewer than two axes.
    """
    if x.rank < 2:
        raise RuleError(f"{{{operand}}} has rank {x.rank}; at least two axes are needed", operand=operand)
    return x.shape[-2], x.shape[-1]


def square_side(x: TensorType, operand: int = 0) -> Dim:
    """The number of rows of the matrices of x, which are square.

    Raises:
        RuleError: they are not.
    """
    rows, columns = matrix_sides(x, operand)
    if rows != columns:
        raise RuleError(
            f"the last two axes of {{{operand}}} are {rows} and {columns}; they must be equal", operand=operand
        )
    return rows


def smaller_side(rows: Dim, columns: Dim, what: str) -> Dim:
    """The smaller of two sizes of operand 0, at least 0.

    Args:
        rows: a size; it may be symbolic.
        columns: another.
        what: what is as large as the smaller, for the error.

    Raises:
        RuleError: symbols leave open which is smaller.
    """
    if 0 in (rows, columns):
        return 0
    difference = columns - rows
    if not isinstance(difference, int):
        raise RuleError(
            f"{what} is as long as the smaller of {rows} and {columns}, which is not known; sizes that differ by a "
            "number are needed",
            operand=0,
        )
    size = rows if difference >= 0 else columns
    return max(size, 0) if isinstance(size, int) else size
