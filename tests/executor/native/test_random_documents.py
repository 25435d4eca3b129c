"""Random documents, their gradients and their training steps: the native engine computes what the NumPy engine does.

A few here, always the same; with `make fuzz` many, each time others.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asg_autograd import NotDifferentiableError, grad
from asg_executor import Session, run
from asg_executor.engines.engine import Engine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import ExecutorError
from asg_executor.plan.arrays import Array
from asg_schema.document import Document
from asg_schema.dtype import DType
from executor.native.agreement import assert_agree, assert_agree_within, coarsest
from executor.native.varied_documents import VariedDocument, varied_document
from transform_harness.chained_documents import chained_document
from transform_harness.random_documents import RandomDocument, random_document

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
_ALWAYS_THE_SAME = "FUZZ_EXAMPLES" not in os.environ
many = settings(max_examples=EXAMPLES, derandomize=_ALWAYS_THE_SAME)
# These have many kernels to compile.
fewer = settings(max_examples=5 if _ALWAYS_THE_SAME else EXAMPLES, derandomize=_ALWAYS_THE_SAME)
STEPS = 3


def computed(engine: Engine, document: Document, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What a second call computes: the first leaves nothing behind that it would see."""
    executable = engine.compile(document, {})
    executable(inputs)
    return executable(inputs)


@many
@given(seed=st.integers(0, 2**32), steps=st.integers(2, 14))
def test_documents_of_every_dtype_and_of_awkward_sizes(seed: int, steps: int) -> None:
    made = varied_document(seed, steps)
    expected = computed(NumpyEngine(), made.document, made.inputs)
    assert_agree_within(computed(NativeEngine(), made.document, made.inputs), expected, made.bounds)


@many
@given(seed=st.integers(0, 2**32), steps=st.integers(2, 14))
def test_gradients_of_such_documents(seed: int, steps: int) -> None:
    made = varied_document(seed, steps)
    assume(made.differentiable)
    document = grad(made.document, of="loss", wrt=made.differentiable)
    expected = computed(NumpyEngine(), document, made.inputs)
    actual = computed(NativeEngine(), document, made.inputs)
    assert_agree_within(
        {name: actual[name] for name in made.bounds}, {name: expected[name] for name in made.bounds}, made.bounds
    )
    assert_agree(actual, expected, 8 * coarsest(document))


@many
@given(seed=st.integers(0, 2**32), steps=st.integers(2, 14))
def test_training_steps_of_such_documents(seed: int, steps: int) -> None:
    """After each step both sessions go on from the NumPy session's parameters: what is discontinuous is then the same
    in both, however often it is computed. They are kept between -2 and 2, for which the outputs' bounds are stated.
    """
    made = varied_document(seed, steps)
    weights = [name for name in made.differentiable if np.isfinite(made.inputs[name].astype(np.float64)).all()]
    assume(weights)
    document = grad(_with_parameters(made, weights), of="loss")
    first = {name: made.inputs[name].copy() for name in weights}
    batch = {name: array for name, array in made.inputs.items() if name not in first}
    optimizer = {"kind": "sgd", "learning_rate": 0.125, "momentum": 0.5}
    reference, native = (
        Session({"train": document}, optimizer=optimizer, parameters=first, engine=engine)
        for engine in ("numpy", "native")
    )
    for _ in range(STEPS):
        expected, actual = reference.step(batch), native.step(batch)
        assert_agree_within(actual, expected, made.bounds)
        assert_agree(native.parameters(), reference.parameters(), 8 * coarsest(document))
        following = {name: _within_range(array) for name, array in reference.parameters().items()}
        for session in (reference, native):
            session.set_parameters(following)


def _within_range(array: Array) -> Array:
    """The same numbers, but at most 2 from 0."""
    return array.astype(np.float64).clip(-2, 2).astype(array.dtype)


def _with_parameters(made: VariedDocument, names: list[str]) -> Document:
    content = made.document.to_dict()
    content["parameters"] = [item for item in content["inputs"] if item["id"] in names]
    content["inputs"] = [item for item in content["inputs"] if item["id"] not in names]
    return Document.from_dict(content)


@pytest.mark.parametrize("make", [random_document, chained_document])
@fewer
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 7))
def test_documents_of_the_whole_op_set_and_their_gradients(
    make: Callable[[int, int], RandomDocument], seed: int, steps: int
) -> None:
    made = make(seed, steps)
    document = made.document
    if made.differentiable():
        with suppress(NotDifferentiableError):
            document = grad(made.document, wrt=made.differentiable())
    inputs = {item.id: made.values[item.id] for item in document.inputs}
    parameters = {item.id: made.values[item.id] for item in document.parameters}
    try:
        expected = run(document, inputs, parameters, engine="numpy")
    except ExecutorError:
        with pytest.raises(ExecutorError):
            run(document, inputs, parameters, engine="native")
        return
    tolerance = min(4096 * coarsest(document), 2**-4)  # much of it is ill-conditioned
    assert_agree(run(document, inputs, parameters, engine="native"), expected, tolerance)


def test_varied_documents_have_every_op_dtype_and_size_that_they_promise() -> None:
    """Else the tests above would say less than they promise."""
    documents = [varied_document(seed, 14) for seed in range(300)]
    nodes = Counter(node.name for made in documents for node in made.document.nodes)
    assert len(nodes) > 75
    types = [type for made in documents for type in made.document.types.values()]
    assert {type.dtype for type in types} == set(DType)
    assert {0, 1, 15, 16, 17, 63, 65} <= {dim for type in types for dim in type.shape}
    assert sum(bool(bound) for made in documents for bound in made.bounds.values()) > 600
    assert sum(not bound for made in documents for bound in made.bounds.values()) > 300
    arrays = [array for made in documents for array in made.inputs.values()]
    assert sum(not array.flags.c_contiguous for array in arrays) > 200
    assert sum(not np.isfinite(array.astype(np.float64)).all() for array in arrays) > 50
