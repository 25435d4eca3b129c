"""Matrices that cannot be factorised, derivatives that do not exist, and what triangles and signs are."""

from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_autograd.errors import NotDifferentiableError
from asg_executor.engines.lookup import engine_names
from asg_executor.errors import RunError
from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve
from op_samples.linalg import positive_definite, regular, symmetric
from op_samples.sample import Array, Sample, sample_document, sample_inputs, spread

every_engine = pytest.mark.parametrize("engine", engine_names())


def document_of(op: type[Op], operands: tuple[Array, ...], **attributes: Any) -> Document:
    return sample_document(Sample("edge", op, operands, attributes, lambda: np.zeros(())))


def inputs_of(operands: tuple[Array, ...]) -> dict[str, Array]:
    return {f"x{index}": operand for index, operand in enumerate(operands)}


def gradients(op: type[Op], operands: tuple[Array, ...], outputs: list[str], **attributes: Any) -> list[Array]:
    """The derivatives, by each operand, of the sums of some results' elements, each times an irregular number."""
    document = document_of(op, operands, **attributes)
    inputs = inputs_of(operands)
    values = asg_executor.run(document, inputs, outputs=outputs)
    wrt = list(inputs)
    cotangents = {f"cotangent.{name}": spread(*values[name].shape) for name in outputs}
    results = asg_executor.run(vjp(document, outputs, wrt), {**inputs, **cotangents})
    return [results[f"grad.{name}"] for name in wrt]


_INDEFINITE = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
_NEEDED = "a matrix without a 0 there is needed"


@every_engine
@pytest.mark.parametrize(
    ("op", "operands", "message"),
    [
        (
            Cholesky,
            (_INDEFINITE,),
            "the matrix is not positive definite: its leading minor of order 2 is not positive; a symmetric positive "
            "definite matrix is needed",
        ),
        (
            Cholesky,
            (np.stack([np.eye(2), np.zeros((2, 2))]),),
            "matrix [1] is not positive definite: its leading minor of order 1 is not positive; a symmetric positive "
            "definite matrix is needed",
        ),
        (
            TriangularSolve,
            (np.array([[1.0, 5.0], [5.0, 0.0]]), np.ones((2, 1))),
            f"the matrix is singular: element 1 of its triangle's diagonal is 0; {_NEEDED}",
        ),
        (
            TriangularSolve,
            (np.zeros((2, 3, 1, 1)), np.ones((1, 1))),
            f"matrix [0, 0] is singular: element 0 of its triangle's diagonal is 0; {_NEEDED}",
        ),
        (
            Solve,
            (np.stack([np.eye(2), _SINGULAR]), np.ones(2)),
            f"matrix [1] is singular: element 1 of its triangle's diagonal is 0; {_NEEDED}",
        ),
        (Inv, (_SINGULAR,), f"the matrix is singular: element 1 of its triangle's diagonal is 0; {_NEEDED}"),
    ],
)
def test_matrix_without_factors(op: type[Op], operands: tuple[Array, ...], message: str, engine: str) -> None:
    with pytest.raises(RunError) as caught:
        asg_executor.run(document_of(op, operands), inputs_of(operands), engine=engine)
    assert str(caught.value) == f'node "result" ({op.name}): {message}'


@pytest.mark.parametrize(
    ("op", "x", "outputs"),
    [
        (Det, _SINGULAR, ["y0"]),
        (Slogdet, _SINGULAR, ["y1"]),
        (Lu, _SINGULAR, ["y1"]),
        (Qr, np.array([[1.0, 2.0], [0.0, 0.0]]), ["y0", "y1"]),
    ],
)
def test_no_derivative_at_a_singular_matrix(op: type[Op], x: Array, outputs: list[str]) -> None:
    with pytest.raises(RunError, match=r'^node "grad\..* is singular: element 1 '):
        gradients(op, (x,), outputs)


@pytest.mark.parametrize(
    ("op", "attributes", "shape", "output", "reason"),
    [
        (Qr, {"mode": "complete"}, (4, 2), "y0", 'in the mode "complete" with more rows than columns its q holds'),
        (Qr, {"mode": "complete"}, (symbol("n"), symbol("m")), "y0", 'in the mode "complete" with more rows than'),
        (Svd, {"full_matrices": True}, (4, 2), "y0", "with full_matrices u and vh hold vectors that x does not"),
        (Svd, {"full_matrices": True}, (2, 4), "y2", "with full_matrices u and vh hold vectors that x does not"),
    ],
)
def test_derivative_that_does_not_exist(
    op: type[Op], attributes: dict[str, Any], shape: Any, output: str, reason: str
) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=shape))
    for index, value in enumerate(editor.emit(op, [x], attributes, id="result")):
        editor.add_output(Output(name=f"y{index}", value=value.id))
    with pytest.raises(NotDifferentiableError) as caught:
        vjp(editor.document(), [output], ["x"])
    assert str(caught.value).startswith(f'node "result" ({op.name}) has no derivative ({reason}')
    assert str(caught.value).endswith(
        "and it stands on the path x -> result; stop the gradient before it, or leave out what the path begins with"
    )


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (2, 4, 3)])
def test_singular_values_of_full_matrices_have_a_derivative(shape: tuple[int, ...]) -> None:
    x = regular(*shape)
    full, reduced = (gradients(Svd, (x,), ["y1"], full_matrices=flag)[0] for flag in (True, False))
    np.testing.assert_allclose(full, reduced, rtol=1e-13, atol=1e-14)


def test_singular_values_that_are_equal_have_a_derivative() -> None:
    (actual,) = gradients(Svd, (np.eye(3),), ["y1"])
    assert np.isfinite(actual).all()


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit_diagonal", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_what_is_not_read_of_a_triangle_has_derivative_zero(
    upper: bool, unit_diagonal: bool, transpose_a: bool, left: bool
) -> None:
    flags = {"upper": upper, "unit_diagonal": unit_diagonal, "transpose_a": transpose_a, "left": left}
    a, b = regular(3, 3), spread(3, 3)
    by_a, _ = gradients(TriangularSolve, (a, b), ["y0"], **flags)
    read = np.tri(3, dtype=np.bool_).T if upper else np.tri(3, dtype=np.bool_)
    if unit_diagonal:
        read = read & ~np.eye(3, dtype=np.bool_)
    np.testing.assert_array_equal(by_a[~read], np.zeros((~read).sum()))
    assert (by_a[read] != 0).all()
    changed = np.where(read, a, 7.0)
    results = [
        asg_executor.run(document_of(TriangularSolve, (matrix, b), **flags), {"x0": matrix, "x1": b})["y0"]
        for matrix in (a, changed)
    ]
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize(("op", "x"), [(Cholesky, positive_definite(3, 3)), (Eigh, symmetric(3, 3))])
def test_derivative_by_a_symmetric_matrix_is_symmetric(op: type[Op], x: Array) -> None:
    (actual,) = gradients(op, (x,), ["y0"])
    np.testing.assert_array_equal(actual, actual.T)


def test_signs_of_factors() -> None:
    x = regular(4, 4) - 2.0
    r = asg_executor.run(document_of(Qr, (x,)), {"x0": x})["y1"]
    assert (np.diag(r) >= 0).all()
    # Of equal magnitudes the first is decisive, however rounding makes them differ.
    vectors = asg_executor.run(document_of(Eigh, (np.array([[0.0, 1.0], [1.0, 0.0]]),)), {"x0": np.eye(2)[::-1].copy()})
    np.testing.assert_allclose(vectors["y1"], np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2.0), rtol=1e-15)


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("upper", [False, True])
def test_many_systems_are_solved_as_few_are(count: int, upper: bool) -> None:
    a, b = regular(count, 4, 4), spread(count, 4, 2)
    actual = asg_executor.run(document_of(TriangularSolve, (a, b), upper=upper), {"x0": a, "x1": b})["y0"]
    triangle = np.triu(a) if upper else np.tril(a)
    np.testing.assert_allclose(triangle @ actual, b, rtol=1e-12, atol=1e-13)


def test_inputs_are_left_as_they_are() -> None:
    x = positive_definite(3, 3)
    sample = Sample("edge", Cholesky, (x.copy(),), {}, lambda: np.zeros(()))
    asg_executor.run(sample_document(sample), sample_inputs(sample))
    np.testing.assert_array_equal(sample.operands[0], x)
