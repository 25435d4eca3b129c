"""Fifty steps of every optimizer against its textbook definition, written in NumPy, one parameter at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_executor.engines.lookup import engine_named
from asg_executor.optimizers.choice import optimizer_kinds, parse_optimizer
from asg_executor.optimizers.rule import VECTOR, block_name
from asg_executor.plan.arrays import dtype_of, numpy_dtype
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType
from executor_harness.optimizer_definitions import DEFINITIONS, FORMS, MATRIX_FORMS

Array = npt.NDArray[Any]
STEPS = 50
LENGTH_OF_VECTOR = 17
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "lamb": [(4, 3), (5,), ()],
    "adafactor": [(4, 3), (3, 4), (2, 3, 4), (5,), ()],
    "muon": [(4, 3), (3, 4), (3, 3)],
}
CASES = [
    *((form, (LENGTH_OF_VECTOR,)) for form in FORMS),
    *((form, shape) for form in MATRIX_FORMS for shape in SHAPES[form["kind"]]),
]
name_of = str


def random_gradients(dtype: DType, shape: tuple[int, ...]) -> list[Array]:
    generator = np.random.default_rng(7)
    return [np.asarray(generator.normal(size=shape)).astype(numpy_dtype(dtype)) for _ in range(STEPS)]


def starting_point(shape: tuple[int, ...]) -> Array:
    return np.linspace(-2.0, 2.0, int(np.prod(shape))).reshape(shape)


def trajectory(form: Mapping[str, Any], start: Array, gradients: list[Array]) -> Array:
    """The optimizer's document, compiled over memory that it updates in place."""
    rule = parse_optimizer(form).rule
    dtype = dtype_of(start)
    assert dtype is not None
    parameter, gradient = start.copy(), np.zeros_like(start)
    state = {
        slot.name: np.full(tuple(map(int, map(str, slot.type.shape))), slot.initial, numpy_dtype(slot.type.dtype))
        for slot in rule.slots(TensorType(dtype, start.shape))
    }
    changed = {block_name(rule, name, 0): array for name, array in {"parameter": parameter, **state}.items()}
    update = engine_named("numpy").compile(
        rule.update_document(dtype, [start.shape if rule.whole else VECTOR]),
        {} if rule.whole else {"length": start.size},
        bound={**changed, block_name(rule, "gradient", 0): gradient},
        destinations=changed,
    )
    rate = np.array(rule.rate, np.float64)
    for number, value in enumerate(gradients, start=1):
        gradient[...] = value
        assert update({"step": np.array(number, np.int64), "learning_rate": rate}) == {}
    return parameter


def test_every_kind_has_a_definition_and_settings() -> None:
    assert list(DEFINITIONS) == [kind for kind in optimizer_kinds() if kind != "document"]
    for kind, definition in DEFINITIONS.items():
        forms = [form for form in (*FORMS, *MATRIX_FORMS) if form["kind"] == kind]
        settings = set(parse_optimizer({"kind": kind}).to_json()) - {"kind", "learning_rate"}
        assert settings == {name for form in forms for name in form} - {"kind", "learning_rate"}, definition


@pytest.mark.parametrize(("form", "shape"), CASES, ids=name_of)
def test_float64_follows_the_definition(form: dict[str, Any], shape: tuple[int, ...]) -> None:
    start, gradients = starting_point(shape), random_gradients(DType.FLOAT64, shape)
    found = trajectory(form, start, gradients)
    np.testing.assert_allclose(found, DEFINITIONS[form["kind"]](form, start, gradients), rtol=1e-11, atol=1e-13)
    assert not np.allclose(found, start, atol=1e-3)


@pytest.mark.parametrize(("form", "shape"), CASES, ids=name_of)
def test_float32_follows_the_definition(form: dict[str, Any], shape: tuple[int, ...]) -> None:
    start = starting_point(shape).astype(np.float32)
    gradients = random_gradients(DType.FLOAT32, shape)
    found = trajectory(form, start, gradients)
    exact = DEFINITIONS[form["kind"]](form, start.astype(np.float64), [g.astype(np.float64) for g in gradients])
    # 50 steps, each rounded to 24 bits: errors of 2⁻²⁴ in values up to about 5 add up.
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16])
def test_sixteen_bit_parameters_have_float32_slots_so_that_small_gradients_count(dtype: DType) -> None:
    # The square of 1e-4 is zero in float16, and eps = 1e-8 as well: in float16 this would be 0 / 0.
    start = np.ones(4, numpy_dtype(dtype))
    gradients = [np.full(4, 1e-4).astype(numpy_dtype(dtype))] * 20
    found = trajectory({"kind": "adam", "learning_rate": 0.05}, start, gradients).astype(np.float64)
    assert np.isfinite(found).all()
    # Each step is about the learning rate: 20 · 0.05 = 1, up to the parameter's own rounding.
    resolution = {DType.FLOAT16: 2.0**-10, DType.BFLOAT16: 2.0**-7}[dtype]
    np.testing.assert_allclose(found, np.zeros(4), atol=20 * resolution)


@pytest.mark.parametrize(("form", "shape"), CASES, ids=name_of)
@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64])
def test_update_documents_are_valid_documents(form: dict[str, Any], shape: tuple[int, ...], dtype: DType) -> None:
    rule = parse_optimizer(form).rule
    document = rule.update_document(dtype, [shape, shape] if rule.whole else [VECTOR])
    again = Document.from_json(document.to_json())
    assert again.digest == document.digest
    types = {item.id: item.type for item in again.inputs}
    assert {output.name for output in again.outputs} == {
        block_name(rule, name, number)
        for number in range(2 if rule.whole else 1)
        for name in ("parameter", *(slot.name for slot in rule.slots(TensorType(dtype, shape))))
    }
    for output in again.outputs:
        assert again.types[output.value] == types[output.name]
