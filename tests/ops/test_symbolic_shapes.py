"""Ops over symbolic shapes: the same results and gradients as over the concrete ones."""

import numpy as np

import asg_executor
from asg_autograd import jvp, specialize, vjp
from asg_schema.document import Document
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.sample import Array, Sample, sample_document, sample_inputs
from op_samples.symbolic import symbol_values, symbolic_shapes

# Ops whose attributes, or whose operands' declared shapes, name dims.
CONCRETE = {
    "broadcast_to": "shape",
    "constant": "no operand",
    "dynamic_slice": "shape, and one start for each axis",
    "dynamic_update_slice": "one start for each axis",
    "full": "no operand",
    "iota": "no operand",
    "reshape": "shape",
    "normal": "shape, and a key has two words",
    "rng_bits": "shape, and a key has two words",
    "uniform": "shape, and a key has two words",
}
# A diagonal that lies outside is empty; with symbols its size would come out below 0, which is refused.
NEGATIVE_SIZES = {"diag.far_outside", "diagonal.far_outside"}
SAMPLES = [
    sample
    for sample in ALL_SAMPLES
    if sample.op.name not in CONCRETE and sample.id not in NEGATIVE_SIZES
    if any(size > 1 for operand in sample.operands for size in operand.shape)
]
every_sample = for_each_sample(SAMPLES)


def symbolic(sample: Sample) -> Document:
    """The sample's document with a symbol for every size above 1 that may be one, and one for equal sizes."""
    source = sample_document(sample).to_dict()
    for item, shape in zip(source["inputs"], symbolic_shapes(sample), strict=True):
        item["shape"] = list(shape)
    return Document.from_dict(source)


@every_sample
def test_results(sample: Sample) -> None:
    document = symbolic(sample)
    results = asg_executor.run(document, sample_inputs(sample))
    assert_matches_reference(tuple(results[output.name] for output in document.outputs), sample)


@for_each_sample([sample for sample in SAMPLES if sample.differentiable_operands()])
def test_gradients(sample: Sample) -> None:
    wrt = [f"x{index}" for index in sample.differentiable_operands()]
    cotangent = np.random.default_rng(1).uniform(0.5, 1.5, sample.expected()[0].shape)

    def gradients(document: Document) -> list[Array]:
        twice = vjp(vjp(document, ["y0"], wrt), [f"grad.{name}" for name in wrt], wrt)
        inputs = sample_inputs(sample)
        seeds = {f"cotangent.grad.{name}": np.cos(inputs[name]) for name in wrt}
        results = asg_executor.run(twice, {**inputs, "cotangent.y0": cotangent, **seeds}, engine="numpy")
        return [results[f"{order}.{name}"] for order in ("grad", "grad2") for name in wrt]

    concrete = sample_document(sample)
    for actual, expected in zip(gradients(symbolic(sample)), gradients(concrete), strict=True):
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-13 * np.max(np.abs(expected), initial=1.0))


ONE_OF_EACH_KIND = {
    (sample.op.name, *sorted(sample.attributes)): sample for sample in SAMPLES if sample.differentiable_operands()
}


@for_each_sample(ONE_OF_EACH_KIND.values())
def test_tangents(sample: Sample) -> None:
    wrt = [f"x{index}" for index in sample.differentiable_operands()]
    inputs = sample_inputs(sample)
    directions = {f"tangent.{name}": np.cos(inputs[name]) for name in wrt}
    concrete, moving = (jvp(document, wrt) for document in (sample_document(sample), symbolic(sample)))
    expected, actual = (
        asg_executor.run(document, {**inputs, **directions}, engine="numpy") for document in (concrete, moving)
    )
    for name in [item.name for item in concrete.outputs if item.name.startswith("tangent.")]:
        assert actual[name].shape == expected[name].shape
        limit = 1e-13 * np.max(np.abs(expected[name]), initial=1.0)
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-13, atol=limit)


@every_sample
def test_symbols_specialized_to_sizes(sample: Sample) -> None:
    document = symbolic(sample)
    known = {str(dim) for item in document.inputs for dim in item.shape}
    specialized = specialize(document, **{name: size for name, size in symbol_values(sample).items() if name in known})
    concrete = sample_document(sample)
    assert specialized == concrete
    assert specialized.types == concrete.types


def test_no_exception_is_stale() -> None:
    # An op that is left out has an attribute for a shape, an operand of a declared shape, or no operand.
    assert set(CONCRETE) <= {sample.op.name for sample in ALL_SAMPLES}
    assert {sample.op.name for sample in ALL_SAMPLES} == set(CONCRETE) | {sample.op.name for sample in SAMPLES}
