"""Factorisations of matrices, which stand in the last two axes; all leading axes are batches.

Xᵀ is X with its last two axes exchanged. Sizes may be 0. Where the factors are not unique by themselves, their signs
are fixed here, so that every executor finds the same. float16 and bfloat16 are computed in float32 and rounded once.

A matrix that a factorisation does not exist for makes the run fail, with an error that names the node and the matrix. A
matrix that holds inf or NaN does not: its factors are NaN where they may be other than 0, and a permutation is then the
identity.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.errors import RuleError
from asg_schema.matrix_shapes import matrix_sides, smaller_side, square_side
from asg_schema.op import Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Cholesky", "Eigh", "Lu", "Qr", "Svd", "TriangularSolve"]

_X = (Operand("x"),)


class Cholesky(Op):
    """The lower triangular L with a positive diagonal for which x = L · Lᵀ, or with `upper` U = Lᵀ: x = Uᵀ · U.

    x is symmetric and positive definite. What is factorised is (x + xᵀ) / 2, so that both triangles count alike and the
    derivative of a symmetric x is symmetric. The result has the type of x. A matrix that is not positive definite makes
    the run fail.

    Gradient:
        x: with L̄ = ḡ, or ḡᵀ with `upper`, and Φ(A) the lower triangle of A with its diagonal halved, let S = L⁻ᵀ ·
            Φ(Lᵀ · L̄) · L⁻¹; then (S + Sᵀ) / 2 (Murray, "Differentiation of the Cholesky decomposition", 2016). It is
            symmetric.
    """

    op: Literal["cholesky"] = "cholesky"
    operands: ClassVar[tuple[Operand, ...]] = _X
    upper: StrictBool = Field(default=False, description="Whether the result is the upper triangular factor.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        square_side(x)
        return (x,)


class TriangularSolve(Op):
    """The X for which op(a) · X = b, or X · op(a) = b where `left` is false, with a triangular.

    op(a) is a, or aᵀ with `transpose_a`. Only one triangle of a is read: the lower one, or the upper one with `upper`;
    with `unit_diagonal` the diagonal counts as 1 and is not read. a has the shape [b₁…, n, n], b [b₂…, n, k], or [b₂…,
    k, n] where `left` is false; leading axes broadcast. The result has the shape of b with the broadcast leading axes.
    A 0 on a diagonal that is read makes the run fail.

    Gradient:
        a: let G be the cotangent of b; -G · Xᵀ, or -Xᵀ · G where `left` is false, transposed with `transpose_a`; 0
            outside the triangle that is read (Giles, "Collected matrix derivative results", 2008).
        b: op(a)⁻ᵀ · ḡ, or ḡ · op(a)⁻ᵀ where `left` is false: a solution with `transpose_a` the other way round.
    """

    op: Literal["triangular_solve"] = "triangular_solve"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("a"), Operand("b"))
    upper: StrictBool = Field(default=False, description="Whether a is upper triangular, not lower.")
    transpose_a: StrictBool = Field(default=False, description="Whether a is transposed before it is solved with.")
    unit_diagonal: StrictBool = Field(default=False, description="Whether the diagonal of a counts as 1.")
    left: StrictBool = Field(default=True, description="Whether a stands to the left of the unknown.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = operands
        side = square_side(a)
        rows, columns = matrix_sides(b, 1)
        met, which = (rows, "last but one") if self.left else (columns, "last")
        if met != side:
            raise RuleError(f"the {which} axis of {{1}} is {met}; {side}, as in {{0}}, is needed there", operand=1)
        batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
        return (TensorType(b.dtype, (*batch, rows, columns)),)


class Qr(Op):
    """The factors of x = q · r with qᵀ · q = 1 and r upper triangular with a diagonal of at least 0.

    For x […, m, n] and k = min(m, n), q is […, m, k] and r […, k, n]; in the mode "complete" q is […, m, m] and r
    […, m, n]. Where the first k columns of x are linearly independent, that determines r and the first k columns of q.
    The columns of q behind them are those of the product H₁ · … · H_k of Householder reflections Hᵢ = 1 - τ · v · vᵀ,
    the i-th of which takes the part from element i on of what column i has become to -sign(f) · ‖·‖ times the first
    unit vector, with f the first element of that part and sign(0) = 1, and is 1 where all but f are 0 already (LAPACK's
    geqrf and orgqr). Sizes that are symbols differ by a number, but in the mode "complete".

    Gradient:
        x: for m ≥ n, let M = r · r̄ᵀ - q̄ᵀ · q, and C the lower triangle of M with its strict part mirrored upwards;
            then (q̄ + q · C) · r⁻ᵀ (Walter and Lehmann, "Algorithmic differentiation of linear algebra functions",
            2010). For m < n, let x = [x₁, x₂] and r = [r₁, r₂] with m columns on the left; then [that of x₁ for the
            cotangents q̄ + x₂ · r̄₂ᵀ and r̄₁, q · r̄₂] (Roberts and Roberts, "QR and LQ decomposition matrix
            backpropagation algorithms", 2020). In the mode "complete" with m > n, or with an unknown order of the two,
            there is none: the transformer refuses it. Where r₁ has a 0 on its diagonal there is none either, and the
            run fails.
    """

    op: Literal["qr"] = "qr"
    operands: ClassVar[tuple[Operand, ...]] = _X
    results: ClassVar[tuple[str, ...]] = ("q", "r")
    mode: Literal["reduced", "complete"] = Field(default="reduced", description="Whether q is square.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        rows, columns = matrix_sides(x)
        inner = rows if self.mode == "complete" else smaller_side(rows, columns, "the diagonal of {0}")
        batch = x.shape[:-2]
        return TensorType(x.dtype, (*batch, rows, inner)), TensorType(x.dtype, (*batch, inner, columns))


class Eigh(Op):
    """The eigenvalues of a symmetric x […, n, n], ascending, and its orthonormal eigenvectors as columns.

    x · v = v · diag(w) with v the eigenvectors […, n, n] and w the eigenvalues […, n]. What is decomposed is (x + xᵀ) /
    2, so that both triangles count alike. Of each column of v the first element whose magnitude is at least 0.3 times
    the largest in the column is positive. (That the largest be positive would leave [1, -1] / √2 to rounding.)
    Eigenvectors of equal eigenvalues are any orthonormal basis of their space.

    Gradient:
        x: with Fᵢⱼ = 1 / (wⱼ - wᵢ) for i ≠ j and Fᵢᵢ = 0, let S = v · (diag(w̄) + F ∘ (vᵀ · v̄)) · vᵀ; then (S + Sᵀ) /
            2 (Giles, 2008). It is symmetric. Through the eigenvectors it is not finite where eigenvalues are equal.
    """

    op: Literal["eigh"] = "eigh"
    operands: ClassVar[tuple[Operand, ...]] = _X
    results: ClassVar[tuple[str, ...]] = ("eigenvalues", "eigenvectors")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        square_side(x)
        return TensorType(x.dtype, x.shape[:-1]), x


class Svd(Op):
    """The singular value decomposition x = u · diag(s) · vh with uᵀ · u = 1, vh · vhᵀ = 1 and s ≥ 0 descending.

    For x […, m, n] and k = min(m, n), u is […, m, k], s […, k] and vh […, k, n]. Of each column of u the first element
    whose magnitude is at least 0.3 times the largest in the column is positive. Singular vectors of equal singular
    values, and of 0, are any orthonormal basis of their space. With `full_matrices` u is […, m, m] and vh […, n, n]:
    the further columns of u are those that q of qr(u, mode="complete") has behind the k-th, and the further rows of vh
    the columns of that of vhᵀ. Sizes that are symbols differ by a number.

    Gradient:
        x: with v = vhᵀ, E the matrix [k, k] of Eᵢⱼ = 1 / (sⱼ² - sᵢ²) for i ≠ j and 0 for i = j, and skew(A) = A - Aᵀ: u
            · [(E ∘ skew(uᵀ · ū)) · diag(s) + diag(s) · (E ∘ skew(vᵀ · v̄)) + diag(s̄)] · vᵀ + (1 - u · uᵀ) · ū ·
            diag(s)⁻¹ · vᵀ + u · diag(s)⁻¹ · v̄ᵀ · (1 - v · vᵀ) (Townsend, "Differentiating the singular value
            decomposition", 2016). Through u and vh it is not finite where singular values are equal, or where one is 0
            and m ≠ n. With `full_matrices` and m ≠ n there is none through u and vh: the transformer refuses it.
    """

    op: Literal["svd"] = "svd"
    operands: ClassVar[tuple[Operand, ...]] = _X
    results: ClassVar[tuple[str, ...]] = ("u", "s", "vh")
    full_matrices: StrictBool = Field(default=False, description="Whether u and vh are square.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        rows, columns = matrix_sides(x)
        inner = smaller_side(rows, columns, "the diagonal of {0}")
        left, right = (rows, columns) if self.full_matrices else (inner, inner)
        shapes = (rows, left), (inner,), (right, columns)
        return tuple(TensorType(x.dtype, (*x.shape[:-2], *shape)) for shape in shapes)


class Lu(Op):
    """The factors of x = p · l · u: a permutation matrix, a unit lower triangular and an upper triangular one.

    For x […, m, n] and k = min(m, n), p is […, m, m], l […, m, k] with ones on its diagonal and u […, k, n]. They are
    found with partial pivoting: as the pivot of column i serves, of the elements on and below the diagonal of what the
    column has become, the first of the largest magnitude. Singular matrices are allowed: u then has zeros on its
    diagonal. Sizes that are symbols differ by a number.

    Gradient:
        x: for m = n, p · l⁻ᵀ · (strict lower triangle of lᵀ · l̄ + upper triangle of ū · uᵀ) · u⁻ᵀ (de Hoog, Anderssen
            and Lukas, "Differentiation of matrix functionals using triangular factorization", 2011). For m < n, let u =
            [u₁, u₂] with m columns on the left: the left columns are those of the square case for the cotangents l̄ -
            l⁻ᵀ · ū₂ · u₂ᵀ and ū₁, the right ones p · l⁻ᵀ · ū₂. For m > n, let l = [l₁; l₂] with n rows above, and let
            pᵀ · x̄ stand for x̄: its lower rows are l̄₂ · u⁻ᵀ, its upper ones those of the square case without p for
            the cotangents l̄₁ and ū - l₂ᵀ · l̄₂ · u⁻ᵀ. p has no derivative. Where u has a 0 on the diagonal of its
            first k columns there is none, and the run fails.
    """

    op: Literal["lu"] = "lu"
    operands: ClassVar[tuple[Operand, ...]] = _X
    results: ClassVar[tuple[str, ...]] = ("p", "l", "u")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        rows, columns = matrix_sides(x)
        inner = smaller_side(rows, columns, "the diagonal of {0}")
        shapes = (rows, rows), (rows, inner), (inner, columns)
        return tuple(TensorType(x.dtype, (*x.shape[:-2], *shape)) for shape in shapes)
