"""What rules of factorisations share.

float16 and bfloat16 are computed in float32 from factors that were not rounded, and rounded once at the end.
"""

from asg_autograd.errors import NotDifferentiableError
from asg_autograd.rules.matrices import transpose
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import index_grid, widen
from asg_schema.op import Op
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Reshape, Slice
from asg_schema.ops.linalg import Qr, Svd

__all__ = [
    "as_column",
    "as_row",
    "columns_between",
    "diagonal_matrix",
    "on_diagonal_only",
    "over_differences",
    "refuse_undetermined_columns",
    "refuse_undetermined_vectors",
    "rows_between",
    "symmetrized",
    "wide_factors",
]


def wide_factors(op: Op, operands: tuple[Value, ...], results: tuple[Value, ...]) -> tuple[Value, ...]:
    """The results of `op` in float32 or float64."""
    if operands[0].dtype.itemsize >= 4:
        return results
    attributes = {name: getattr(op, name) for name in op.attributes}
    return type(op).all_of(*map(widen, operands), **attributes)


def refuse_undetermined_columns(op: Qr, wider: Dim) -> None:
    """Refuse a q with columns that x does not determine.

    Args:
        op: the factorisation.
        wider: by how many columns x is wider than high; negative where it is higher.

    Raises:
        NotDifferentiableError: the mode is "complete", and x has more rows than columns, or may have.
    """
    if op.mode == "complete" and not (isinstance(wider, int) and wider >= 0):
        raise NotDifferentiableError(
            op.id,
            op.name,
            op.references(),
            'in the mode "complete" with more rows than columns its q holds columns that x does not determine',
        )


def refuse_undetermined_vectors(op: Svd, u: bool, vh: bool) -> None:
    """Refuse u and vh of a matrix that is not square, factorised with `full_matrices`.

    Args:
        op: the factorisation.
        u: whether a derivative of u is asked for.
        vh: whether one of vh is.

    Raises:
        NotDifferentiableError: one of them is.
    """
    left, _, right = op.references()
    asked = tuple(reference for reference, is_asked in ((left, u), (right, vh)) if is_asked)
    if asked:
        raise NotDifferentiableError(
            op.id,
            op.name,
            asked,
            "with full_matrices u and vh hold vectors that x does not determine; without it they have a derivative",
        )


def symmetrized(x: Value) -> Value:
    """The mean of each matrix and its transpose."""
    return (x + transpose(x)) * 0.5


def _on_diagonal(side: Dim, x: Value) -> Value:
    """Which places of a square matrix lie on its diagonal."""
    return Equal.of(*index_grid(x.editor, side, side))


def on_diagonal_only(x: Value) -> Value:
    """Square matrices with 0 beside their diagonals."""
    return Where.of(_on_diagonal(x.shape[-1], x), x, x.scalar(0.0))


def diagonal_matrix(x: Value) -> Value:
    """The matrices with the lines of x on their diagonals."""
    side = x.shape[-1]
    return Where.of(_on_diagonal(side, x), as_column(x), x.scalar(0.0))


def as_row(x: Value) -> Value:
    """Each line of x as a matrix of one row."""
    return Reshape.of(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def as_column(x: Value) -> Value:
    """Each line of x as a matrix of one column."""
    return Reshape.of(x, shape=(*x.shape, 1))


def columns_between(x: Value, start: Dim, stop: Dim) -> Value:
    """The columns of each matrix from `start` to `stop`."""
    return Slice.of(x, start=(*(0,) * (x.rank - 1), start), stop=(*x.shape[:-1], stop))


def rows_between(x: Value, start: Dim, stop: Dim) -> Value:
    """The rows of each matrix from `start` to `stop`."""
    return Slice.of(x, start=(*(0,) * (x.rank - 2), start, 0), stop=(*x.shape[:-2], stop, x.shape[-1]))


def over_differences(x: Value, numbers: Value) -> Value:
    """Off the diagonal x[i, j] / (numbers[j] - numbers[i]), and 0 on it."""
    diagonal = _on_diagonal(x.shape[-1], x)
    differences = as_row(numbers) - as_column(numbers)
    quotient = x / Where.of(diagonal, differences.scalar(1.0), differences)
    return Where.of(diagonal, quotient.scalar(0.0), quotient)
