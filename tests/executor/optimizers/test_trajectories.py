"""Fifty steps of every optimizer against its textbook definition, written here in NumPy, one parameter at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_executor.engines.lookup import engine_named
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.optimizer import LENGTH, accumulation_dtype, update_document
from asg_executor.plan.arrays import dtype_of, numpy_dtype
from asg_schema.document import Document
from asg_schema.dtype import DType

Array = npt.NDArray[Any]
STEPS = 50
LENGTH_OF_VECTOR = 17

SGD_FORMS: list[dict[str, Any]] = [
    {"learning_rate": 0.05},
    {"learning_rate": 0.05, "weight_decay": 0.1},
    {"learning_rate": 0.05, "maximize": True, "weight_decay": 0.1},
    {"learning_rate": 0.05, "momentum": 0.9},
    {"learning_rate": 0.05, "momentum": 0.9, "dampening": 0.3},
    {"learning_rate": 0.05, "momentum": 0.9, "dampening": 1.0, "weight_decay": 0.01},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
    {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02, "maximize": True},
]
ADAM_FORMS: list[dict[str, Any]] = [
    {},
    {"learning_rate": 0.02, "betas": [0.8, 0.95], "eps": 1e-6},
    {"learning_rate": 0.02, "weight_decay": 0.1},
    {"learning_rate": 0.02, "amsgrad": True, "betas": [0.5, 0.6]},
    {"learning_rate": 0.02, "maximize": True, "weight_decay": 0.1, "amsgrad": True},
    {"learning_rate": 0.02, "betas": [0.0, 0.0]},
]


def sgd_definition(form: dict[str, Any], p: Array, gradients: Iterator[Array]) -> Array:
    momentum, buffer = form.get("momentum", 0.0), None
    for g in gradients:
        g = -g if form.get("maximize") else g
        g = g + form.get("weight_decay", 0.0) * p
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - form.get("dampening", 0.0)) * g
            g = g + momentum * buffer if form.get("nesterov") else buffer
        p = p - form["learning_rate"] * g
    return p


def adam_definition(form: dict[str, Any], p: Array, gradients: Iterator[Array], *, decoupled: bool) -> Array:
    rate, (beta1, beta2) = form.get("learning_rate", 1e-3), form.get("betas", (0.9, 0.999))
    decay = form.get("weight_decay", 1e-2 if decoupled else 0.0)
    m, v, largest = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        g = -g if form.get("maximize") else g
        if decoupled:
            p = p - rate * decay * p
        else:
            g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        corrected = (largest if form.get("amsgrad") else v) / (1 - beta2**t)
        p = p - rate * (m / (1 - beta1**t)) / (np.sqrt(corrected) + form.get("eps", 1e-8))
    return p


DEFINITIONS: dict[str, Callable[[dict[str, Any], Array, Iterator[Array]], Array]] = {
    "sgd": sgd_definition,
    "adam": lambda form, p, gradients: adam_definition(form, p, gradients, decoupled=False),
    "adamw": lambda form, p, gradients: adam_definition(form, p, gradients, decoupled=True),
}
CASES = [
    *(("sgd", form) for form in SGD_FORMS),
    *(("adam", form) for form in ADAM_FORMS),
    *(("adamw", form) for form in ADAM_FORMS),
]


def random_gradients(dtype: DType) -> list[Array]:
    generator = np.random.default_rng(7)
    return [generator.normal(size=LENGTH_OF_VECTOR).astype(numpy_dtype(dtype)) for _ in range(STEPS)]


def trajectory(form: dict[str, Any], start: Array, gradients: list[Array]) -> Array:
    """The optimizer's document, compiled over vectors that it updates in place."""
    optimizer = parse_optimizer(form)
    dtype = dtype_of(start)
    assert dtype is not None
    parameter, gradient = start.copy(), np.zeros_like(start)
    slots = {name: np.zeros(start.size, numpy_dtype(accumulation_dtype(dtype))) for name in optimizer.slots}
    update = engine_named("numpy").compile(
        update_document(optimizer, dtype),
        {LENGTH: start.size},
        bound={"parameter": parameter, "gradient": gradient, **slots},
        destinations={"parameter": parameter, **slots},
    )
    for number, value in enumerate(gradients, start=1):
        gradient[...] = value
        assert update({"step": np.array(number, np.int64)}) == {}
    return parameter


@pytest.mark.parametrize(("kind", "form"), CASES, ids=lambda value: str(value))
def test_float64_follows_the_definition(kind: str, form: dict[str, Any]) -> None:
    start, gradients = np.linspace(-2.0, 2.0, LENGTH_OF_VECTOR), random_gradients(DType.FLOAT64)
    found = trajectory({"kind": kind, **form}, start, gradients)
    np.testing.assert_allclose(found, DEFINITIONS[kind](form, start, iter(gradients)), rtol=1e-11, atol=1e-13)
    assert not np.allclose(found, start, atol=1e-3)


@pytest.mark.parametrize(("kind", "form"), CASES, ids=lambda value: str(value))
def test_float32_follows_the_definition(kind: str, form: dict[str, Any]) -> None:
    start, gradients = np.linspace(-2.0, 2.0, LENGTH_OF_VECTOR, dtype=np.float32), random_gradients(DType.FLOAT32)
    found = trajectory({"kind": kind, **form}, start, gradients)
    exact = DEFINITIONS[kind](form, start.astype(np.float64), (value.astype(np.float64) for value in gradients))
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


@pytest.mark.parametrize(("kind", "form"), CASES, ids=lambda value: str(value))
@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64])
def test_update_documents_are_valid_documents(kind: str, form: dict[str, Any], dtype: DType) -> None:
    document = update_document(parse_optimizer({"kind": kind, **form}), dtype)
    again = Document.from_json(document.to_json())
    assert again.digest == document.digest
    types = {item.id: item.type for item in again.inputs}
    for output in again.outputs:
        assert again.types[output.value] == types[output.name]
