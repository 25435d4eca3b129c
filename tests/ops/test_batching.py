"""Every op mapped over examples, against a loop over them: all operands mapped, and some of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

import asg_executor
from asg_autograd import vmap
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from op_samples import ALL_SAMPLES
from op_samples.comparing import PRECISION, TOLERANCE, largest_magnitude
from op_samples.each_sample import for_each_sample
from op_samples.sample import Array, Sample, dtype_of, is_random_key, sample_document

SAMPLES = [sample for sample in ALL_SAMPLES if sample.operands]
COUNT = 3


def variations(operand: Array, number: int, *, is_key: bool) -> Iterator[Array]:
    """What stands for an operand in example `number` > 0: the first of these that the op takes."""
    if is_key:
        yield operand + np.uint32(number)
        return
    scale = 1.0 - 0.03 * number
    rolled = np.roll(operand, number, axis=0) if operand.ndim else operand
    if dtype_of(operand).is_floating:
        with np.errstate(all="ignore"):
            yield (rolled * scale).astype(operand.dtype)
            yield (operand * scale).astype(operand.dtype)
    yield rolled
    yield operand


def run(document: Document, inputs: dict[str, Array]) -> list[Array]:
    return list(asg_executor.run(document, inputs, engine="numpy").values())


def examples_of(sample: Sample, places: Sequence[int], document: Document) -> tuple[list[Array], list[list[Array]]]:
    """The operands at these places, those of all examples stacked, and the results of each example."""
    operands = {f"x{index}": operand for index, operand in enumerate(sample.operands)}
    results = [run(document, operands)]
    points = [operands]
    for number in range(1, COUNT):
        kinds = [variations(sample.operands[place], number, is_key=is_random_key(sample.op, place)) for place in places]
        for varied in zip(*kinds, strict=False):
            point = operands | {f"x{place}": operand for place, operand in zip(places, varied, strict=True)}
            try:
                results.append(run(document, point))
            except AsgError:
                continue
            points.append(point)
            break
        else:
            points.append(operands)
            results.append(results[0])
    return [np.stack([point[f"x{place}"] for point in points]) for place in places], results


def assert_alike(actual: Array, expected: Array, scale: float, what: str) -> None:
    """Equal; floating-point numbers up to rounding, those of half precision as what is rounded once."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), what
    if not dtype_of(expected).is_floating:
        np.testing.assert_array_equal(actual, expected, what)
        return
    eps, smallest = PRECISION[dtype_of(expected)]
    wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
    half = dtype_of(expected) is DType.FLOAT16
    relative, scale = (eps, 0.0) if half else (2 * TOLERANCE * eps, scale)
    np.testing.assert_allclose(wide, wanted, rtol=relative, atol=relative * scale + 2 * smallest, err_msg=what)


def check(sample: Sample, places: Sequence[int], axis: int, size: str | int) -> None:
    document = sample_document(sample)
    stacked, results = examples_of(sample, places, document)
    names = [f"x{place}" for place in places]
    mapped = vmap(document, dict.fromkeys(names, axis), size=size, out_axes=axis)
    assert Document.from_json(mapped.to_json()).types == mapped.types
    inputs = {f"x{index}": operand for index, operand in enumerate(sample.operands)}
    inputs |= {name: np.moveaxis(array, 0, axis) for name, array in zip(names, stacked, strict=True)}
    found = run(mapped, inputs)
    for index, actual in enumerate(found):
        expected = np.stack([result[index] for result in results], axis=axis)
        scale = max(map(largest_magnitude, (*inputs.values(), expected)))
        assert_alike(actual, expected, scale, f"{sample.id}, result {index}, {names} mapped at {axis}")


@for_each_sample(SAMPLES)
def test_all_operands_mapped(sample: Sample) -> None:
    places = range(len(sample.operands))
    check(sample, places, 0, "examples")
    check(sample, places, -1, COUNT)


@for_each_sample([sample for sample in SAMPLES if len(sample.operands) > 1])
def test_some_operands_mapped_and_the_others_shared(sample: Sample) -> None:
    places = range(len(sample.operands))
    for place in places:
        check(sample, [place], -1 if place % 2 else 0, COUNT if place else "examples")
        if len(places) > 2:
            check(sample, [other for other in places if other != place], 0, COUNT)


HALF = {
    sample.op.name: half
    for sample in reversed(SAMPLES)
    if sample.differentiable_operands() and (half := sample.in_dtype(DType.FLOAT16)) is not None
}


@pytest.mark.parametrize("sample", HALF.values(), ids=lambda sample: sample.id)
def test_half_precision(sample: Sample) -> None:
    """What a rule takes apart is computed in single precision until its end, as the op itself is."""
    places = range(len(sample.operands))
    check(sample, places, 0, "examples")
    for place in places[1:]:
        check(sample, [place], 0, COUNT)


@pytest.mark.parametrize("name", sorted({sample.op.name for sample in SAMPLES}))
def test_examples_of_every_op_differ(name: str) -> None:
    """Else the tests above would not see examples that are mixed up."""
    samples = (sample for sample in SAMPLES if sample.op.name == name)
    stacked = (examples_of(sample, range(len(sample.operands)), sample_document(sample))[0] for sample in samples)
    assert any(
        not np.array_equal(array[0], array[number]) for arrays in stacked for array in arrays for number in (1, 2)
    )
