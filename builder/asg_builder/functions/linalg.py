"""Linear algebra: matrices stand in the last two axes, all leading axes are batches. Dtypes are floating-point ones."""

from typing import Literal

from asg_builder.tensor import Tensor, TensorLike, apply, apply_all
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve

__all__ = ["cholesky", "det", "eigh", "inv", "lu", "qr", "slogdet", "solve", "svd", "triangular_solve"]


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with x = L · Lᵀ, or with `upper` the upper triangular U with x = Uᵀ · U.

    Args:
        x: […, n, n], symmetric and positive definite; one that is not is an error when the document runs.
        upper: which factor is wanted.
    """
    return apply(Cholesky, x, upper=upper)


def triangular_solve(
    a: Tensor,
    b: TensorLike,
    /,
    *,
    upper: bool = False,
    transpose_a: bool = False,
    unit_diagonal: bool = False,
    left: bool = True,
) -> Tensor:
    """The X with op(a) · X = b, or X · op(a) = b where `left` is false; op(a) is a or aᵀ.

    Args:
        a: […, n, n], of which one triangle is read; a 0 on its diagonal is an error when the document runs.
        b: […, n, k], or […, k, n] where `left` is false.
        upper: whether a is upper triangular, not lower.
        transpose_a: whether op(a) is aᵀ.
        unit_diagonal: whether the diagonal of a counts as 1.
        left: whether a stands to the left of the unknown.
    """
    flags = {"upper": upper, "transpose_a": transpose_a, "unit_diagonal": unit_diagonal, "left": left}
    return apply(TriangularSolve, a, b, **flags)


def qr(x: Tensor, /, *, mode: Literal["reduced", "complete"] = "reduced") -> tuple[Tensor, Tensor]:
    """The factors of x = q · r, with orthonormal columns in q and a diagonal of at least 0 in the upper triangular r.

    Args:
        x: […, m, n].
        mode: "reduced" for min(m, n) columns in q, "complete" for m; that has no derivative where m > n.

    Returns:
        q and r.
    """
    q, r = apply_all(Qr, x, mode=mode)
    return q, r


def eigh(x: Tensor, /) -> tuple[Tensor, Tensor]:
    """The eigenvalues of symmetric matrices, ascending, and their eigenvectors.

    Args:
        x: […, n, n]; (x + xᵀ) / 2 is decomposed.

    Returns:
        The eigenvalues […, n], and the eigenvectors […, n, n] as columns.
    """
    values, vectors = apply_all(Eigh, x)
    return values, vectors


def svd(x: Tensor, /, *, full_matrices: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """The singular value decomposition x = u · diag(s) · vh, s descending.

    Args:
        x: […, m, n].
        full_matrices: whether u and vh are square; then they have no derivative where m ≠ n.

    Returns:
        u […, m, k], s […, k] and vh […, k, n], with k = min(m, n).
    """
    u, s, vh = apply_all(Svd, x, full_matrices=full_matrices)
    return u, s, vh


def lu(x: Tensor, /) -> tuple[Tensor, Tensor, Tensor]:
    """The factors of x = p · l · u, found with partial pivoting.

    Args:
        x: […, m, n].

    Returns:
        The permutation matrix p […, m, m], l […, m, k] with ones on its diagonal, and u […, k, n], with k = min(m, n).
    """
    p, lower, upper = apply_all(Lu, x)
    return p, lower, upper


def solve(a: Tensor, b: TensorLike, /) -> Tensor:
    """The X with a · X = b.

    Args:
        a: […, n, n]; a singular matrix is an error when the document runs.
        b: [n] or […, n, k].
    """
    return apply(Solve, a, b)


def inv(x: Tensor, /) -> Tensor:
    """The inverse of each matrix of x […, n, n]; a singular one is an error when the document runs."""
    return apply(Inv, x)


def det(x: Tensor, /) -> Tensor:
    """The determinant of each matrix: […] of x […, n, n]. Its derivative is not computed at singular matrices."""
    return apply(Det, x)


def slogdet(x: Tensor, /) -> tuple[Tensor, Tensor]:
    """The sign of the determinant of each matrix of x […, n, n], and the logarithm of its magnitude; both […]."""
    sign, logarithm = apply_all(Slogdet, x)
    return sign, logarithm
