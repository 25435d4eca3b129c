"""What the tests of the transformer share: documents, values for them, and comparison with central differences."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest

import asg_executor
from asg_schema.document import Document, Output
from asg_schema.editing import Editor
from asg_schema.ops.reduction import Sum
from asg_schema.roles import GradientRole
from op_samples.finite_differences import numerical_gradient
from op_samples.sample import Array

Run: TypeAlias = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]
Values: TypeAlias = Callable[..., dict[str, Array]]
AssertGradients: TypeAlias = Callable[..., None]
Penalize: TypeAlias = Callable[[Document], Document]


@pytest.fixture
def run() -> Run:
    """Run a document with values for inputs and parameters alike."""
    return _run


def _run(document: Document, values: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, Array]:
    parameters = {item.id: values[item.id] for item in document.parameters}
    inputs = {item.id: values[item.id] for item in document.inputs}
    return asg_executor.run(document, inputs, parameters, engine="numpy", outputs=outputs)


@pytest.fixture
def values() -> Values:
    """Values for the floating-point inputs and all parameters of a document, for given sizes of its symbols."""

    def make(document: Document, seed: int = 0, **symbols: int) -> dict[str, Array]:
        generator = np.random.default_rng(seed)
        items = [item for item in (*document.inputs, *document.parameters) if item.dtype.is_floating]
        sizes = {item.id: [symbols.get(str(dim), dim) for dim in item.shape] for item in items}
        return {item.id: generator.normal(size=[int(str(dim)) for dim in sizes[item.id]]) for item in items}

    return make


@pytest.fixture
def assert_gradients() -> AssertGradients:
    """Compare the gradients that a document computes with central differences of the output that they are of."""

    def check(document: Document, point: Mapping[str, Array], of: str, tolerance: float = 1e-7) -> None:
        wanted = {
            output.name: output.role.wrt
            for output in document.outputs
            if isinstance(output.role, GradientRole) and output.role.of == of
        }
        assert wanted
        found = _run(document, point, list(wanted))
        for name, target in wanted.items():
            numeric = numerical_gradient(lambda at: _run(document, at, [of])[of], point, target, np.ones(()))
            scale = max(1.0, float(np.max(np.abs(numeric), initial=0.0)))
            np.testing.assert_allclose(found[name], numeric, rtol=tolerance, atol=tolerance * scale, err_msg=name)

    return check


@pytest.fixture
def penalize() -> Penalize:
    """Add the output `penalty`: the sum of squares of all gradients, by which second derivatives are tested."""

    def extend(document: Document) -> Document:
        editor = Editor()
        editor.load(document)
        gradients = [editor.value(item.value) for item in document.outputs if isinstance(item.role, GradientRole)]
        squares = [Sum.of(gradient * gradient) for gradient in gradients]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        editor.add_output(Output(name="penalty", value=total.id))
        return editor.document(document.name)

    return extend
