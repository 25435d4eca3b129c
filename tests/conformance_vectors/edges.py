"""Cases of the derivatives at kinks, ties and poles that `op_samples.edges` writes out."""

from collections.abc import Iterator

import numpy as np

from asg_autograd import vjp
from conformance_vectors.case import Case, expected_json, run_case
from op_samples.edges import EDGES, Edge
from op_samples.sample import Sample, array_dtype, dtype_of, sample_document, sample_inputs

__all__ = ["cases_of_edges"]

_EPS = 2.0**-52


def cases_of_edges() -> Iterator[tuple[str, Case]]:
    """Each case with the family of its op."""
    for edge in EDGES:
        yield edge.op.family(), _case(edge)


def _case(edge: Edge) -> Case:
    sample = Sample(edge.id, edge.op, edge.operands, edge.attributes, lambda: np.zeros(()))
    document = sample_document(sample)
    inputs = dict(sample_inputs(sample))
    wrt = [f"x{place}" for place, operand in enumerate(edge.operands) if dtype_of(operand).is_floating]
    outputs = ["y0"]
    for _ in range(edge.order):
        result = vjp(document, outputs, wrt)
        for item in result.inputs[len(document.inputs) :]:
            inputs[item.id] = np.ones([int(str(dim)) for dim in item.shape], array_dtype(item.dtype))
        outputs = [item.name for item in result.outputs[len(document.outputs) :]]
        document = result
    # 8 eps in place of the few that suffice for one engine's order of operations.
    relative = max(edge.relative, 8 * _EPS)
    expected = {
        name: expected_json(gradient, relative=relative, absolute=edge.absolute)
        for name, gradient in zip(outputs, edge.gradients, strict=True)
    }
    return run_case(f"{edge.id}.edge_gradient", edge.op.name, document, inputs, expected)
