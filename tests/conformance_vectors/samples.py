"""Cases of every op, from its samples: results and gradients, in several dtypes, with symbolic dims."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

import numpy as np

from asg_schema.composite import Composite
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Ceil,
    Floor,
    Negative,
    Round,
    StopGradient,
    Where,
)
from asg_schema.ops.elementwise_functions import Expm1, Log1p, Sqrt
from asg_schema.ops.indexing import Take, TakeAlongAxis
from conformance_vectors.case import Case, expected_json, run_case
from conformance_vectors.gradients import (
    ABSOLUTE,
    RELATIVE,
    Derivative,
    derivative_of,
    numerical_gradients,
    scale_of,
)
from op_samples import ALL_SAMPLES
from op_samples.comparing import PRECISION, TOLERANCE, allowed_error, largest_magnitude
from op_samples.sample import Array, Sample, array_dtype, dtype_of, rounded, sample_document, sample_inputs
from op_samples.symbolic import symbolic_shapes

__all__ = ["cases_of_samples", "symbolic_document"]

_NARROW = (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)
_SAMPLES_IN_16_BITS = 3  # of each op, and its edges
_MOVING: frozenset[type[Op]] = frozenset({Take, TakeAlongAxis, Where, Barrier, StopGradient})


_KEEPING_SIGNS: frozenset[type[Op]] = frozenset({Abs, Ceil, Expm1, Floor, Log1p, Negative, Round, Sqrt})


def moves_elements(op: type[Op]) -> bool:
    """Whether an op computes no element, so that its results are exact, signs of zeros included."""
    return op in _MOVING or (op.family() == "layout" and not issubclass(op, Composite))


def cases_of_samples() -> Iterator[tuple[str, Case]]:
    """Each case with the family of its op."""
    for op, samples in groupby(sorted(ALL_SAMPLES, key=lambda sample: sample.op.name), key=lambda sample: sample.op):
        for case in _cases_of_op(list(samples)):
            yield op.family(), case


def _cases_of_op(samples: list[Sample]) -> Iterator[Case]:
    for place, sample in enumerate(samples):
        yield forward_case(sample)
        for dtype in _NARROW:
            narrow = sample.in_dtype(dtype)
            if narrow and (dtype is DType.FLOAT32 or place < _SAMPLES_IN_16_BITS or "edges" in sample.id):
                yield forward_case(narrow)
    differentiable = [sample for sample in samples if sample.differentiable_operands()]
    for sample in differentiable:
        yield gradient_case(sample)
    for dtype in _NARROW:
        narrowed = (sample for sample in differentiable if has_elements(sample) and sample.in_dtype(dtype))
        yield from (narrow_gradient_case(sample, dtype) for sample in islice(narrowed, 1))
    yield from _symbolic_cases(samples)


def has_elements(sample: Sample) -> bool:
    """Whether no operand is empty."""
    return all(operand.size for operand in sample.operands)


def forward_case(sample: Sample, document: Document | None = None, suffix: str = "") -> Case:
    """The results of a sample, from its reference.

    Args:
        sample: the sample.
        document: its document over other dims; absent: over those of its operands.
        suffix: what is added to the case's id.
    """
    results = {f"y{place}": _expected(sample, result) for place, result in enumerate(sample.expected())}
    source = document or sample_document(sample)
    return run_case(sample.id + suffix, sample.op.name, source, sample_inputs(sample), results)


def _expected(sample: Sample, result: Array) -> Mapping[str, Any]:
    if moves_elements(sample.op):
        return expected_json(result, signed_zeros=True)
    signed = sample.op in _KEEPING_SIGNS
    if not dtype_of(result).is_floating:
        return expected_json(result)
    relative, absolute = allowed_error(sample, result)
    return expected_json(result, relative=relative, absolute=absolute, signed_zeros=signed)


def gradient_case(sample: Sample, document: Document | None = None, suffix: str = "") -> Case:
    """The gradients of a sample in float64, from central differences."""
    derivative = derivative_of(sample, sample.differentiable_operands(), document)
    expected = {
        name: expected_json(gradient, relative=RELATIVE, absolute=ABSOLUTE * scale_of(gradient))
        for name, gradient in zip(derivative.gradients, numerical_gradients(sample, derivative), strict=True)
    }
    return _derivative_case(f"{sample.id}.gradient{suffix}", sample, derivative, expected)


def narrow_gradient_case(sample: Sample, dtype: DType) -> Case:
    """The gradients of a sample in a narrow dtype: those in float64 at the same operands and cotangents, rounded."""
    narrow = sample.in_dtype(dtype)
    assert narrow is not None
    wrt = sample.differentiable_operands()
    # The reference over float64 operands: that of the narrow sample rounds its results.
    operands = [x.astype(np.float64) if dtype_of(x).is_floating else x for x in narrow.operands]
    wide = replace(sample, operands=tuple(operands))
    exact = derivative_of(wide, wrt)
    gradients = numerical_gradients(wide, exact)
    derivative = derivative_of(narrow, wrt)
    scale = max(largest_magnitude(array) for array in (*exact.inputs.values(), *gradients))
    expected: dict[str, Any] = {}
    for name, gradient, place in zip(derivative.gradients, gradients, wrt, strict=True):
        assert dtype_of(narrow.operands[place]) is dtype
        error = TOLERANCE * PRECISION[dtype][0] * scale
        expected[name] = expected_json(rounded(gradient, array_dtype(dtype)), absolute=error)
    return _derivative_case(f"{narrow.id}.gradient", narrow, derivative, expected)


def _derivative_case(id: str, sample: Sample, derivative: Derivative, expected: dict[str, Any]) -> Case:
    return run_case(id, sample.op.name, derivative.document, derivative.inputs, expected)


def _symbolic_cases(samples: list[Sample]) -> Iterator[Case]:
    """The first sample that has a document with symbols, forward and, if there is one, with its gradient."""
    found = [(sample, document) for sample in samples if (document := symbolic_document(sample))]
    for sample, document in found[:1]:
        yield forward_case(sample, document, ".symbolic")
    for sample, document in [pair for pair in found if pair[0].differentiable_operands() and has_elements(pair[0])][:1]:
        yield gradient_case(sample, document, ".symbolic")


def symbolic_document(sample: Sample) -> Document | None:
    """The sample's document with symbols for its sizes, or None where the op's attributes or rule need all of them."""
    source = sample_document(sample).to_dict()
    for item, shape in zip(source["inputs"], symbolic_shapes(sample), strict=True):
        item["shape"] = list(shape)
    if not any(not isinstance(size, int) for item in source["inputs"] for size in item["shape"]):
        return None
    try:
        return Document.from_dict(source)
    except DocumentError:
        return None
