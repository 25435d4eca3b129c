"""Every op computes what its reference says: in float64, in every narrower dtype, and through its expansion."""

import pytest

import asg_executor
from asg_schema.composite import Composite
from asg_schema.dims import bind_dim
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.expansion import expanded_document
from op_samples.sample import Array, Sample, sample_document, sample_inputs
from op_samples.symbolic import symbol_values, symbolic_shapes
from op_samples.threefry import threefry_2x32

NARROW_SAMPLES = [
    narrow
    for sample in ALL_SAMPLES
    for dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)
    if (narrow := sample.in_dtype(dtype)) is not None
]
COMPOSITE_SAMPLES = [sample for sample in [*ALL_SAMPLES, *NARROW_SAMPLES] if issubclass(sample.op, Composite)]


def run(document: Document, sample: Sample) -> tuple[Array, ...]:
    results = asg_executor.run(document, sample_inputs(sample), engine="numpy")
    return tuple(results[output.name] for output in document.outputs)


@for_each_sample(ALL_SAMPLES)
def test_kernel(sample: Sample) -> None:
    assert_matches_reference(run(sample_document(sample), sample), sample)


@for_each_sample(NARROW_SAMPLES)
def test_kernel_in_narrow_dtype(sample: Sample) -> None:
    assert_matches_reference(run(sample_document(sample), sample), sample)


@for_each_sample(COMPOSITE_SAMPLES)
def test_expansion(sample: Sample) -> None:
    assert_matches_reference(run(expanded_document(sample), sample), sample)


@for_each_sample([sample for sample in ALL_SAMPLES if issubclass(sample.op, Composite)])
def test_expansion_has_the_declared_types_for_symbolic_shapes(sample: Sample) -> None:
    # `expanded_document` compares the types.
    document = expanded_document(sample, symbolic_shapes(sample))
    values = symbol_values(sample)
    kinds = [document.types[output.value] for output in document.outputs]
    bound = [TensorType(kind.dtype, tuple(max(bind_dim(dim, values), 0) for dim in kind.shape)) for kind in kinds]
    concrete = sample_document(sample)
    assert bound == [concrete.types[output.value] for output in concrete.outputs]


@pytest.mark.parametrize(
    ("key", "counter", "block"),
    # From the known answers that the authors publish with their implementation, Random123.
    [
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_reference_of_random_bits(key: tuple[int, int], counter: tuple[int, int], block: tuple[int, int]) -> None:
    assert threefry_2x32(key, counter) == block
