"""Every op mapped over examples, against a loop over them: all operands mapped, and each operand alone."""

from collections.abc import Iterator

import numpy as np
import pytest

import asg_executor
from asg_autograd import vmap
from asg_schema.document import Document
from asg_schema.errors import AsgError
from op_samples import ALL_SAMPLES
from op_samples.comparing import PRECISION, TOLERANCE, largest_magnitude
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


def examples_of(sample: Sample, place: int, document: Document) -> tuple[list[Array], list[list[Array]]]:
    """Operand number `place` in every example, or with -1 all operands stacked, and the results of each example."""
    operands = {f"x{index}": operand for index, operand in enumerate(sample.operands)}
    chosen = [f"x{index}" for index in range(len(operands)) if place in (-1, index)]
    points = [operands]
    results = [run(document, operands)]
    for number in range(1, COUNT):
        kinds = [variations(operands[name], number, is_key=is_random_key(sample.op, int(name[1:]))) for name in chosen]
        for varied in zip(*kinds, strict=False):
            point = {**operands, **dict(zip(chosen, varied, strict=True))}
            try:
                results.append(run(document, point))
            except AsgError:
                continue
            points.append(point)
            break
        else:
            points.append(operands)
            results.append(results[0])
    return [np.stack([point[name] for point in points]) for name in chosen], results


def assert_alike(actual: Array, expected: Array, scale: float, what: str) -> None:
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), what
    if not dtype_of(expected).is_floating:
        np.testing.assert_array_equal(actual, expected, what)
        return
    eps, smallest = PRECISION[dtype_of(expected)]
    wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
    relative = 2 * TOLERANCE * eps
    np.testing.assert_allclose(wide, wanted, rtol=relative, atol=relative * scale + 2 * smallest, err_msg=what)


def check(sample: Sample, place: int, axis: int, size: str | int) -> None:
    document = sample_document(sample)
    stacked, results = examples_of(sample, place, document)
    names = [f"x{index}" for index in range(len(sample.operands)) if place in (-1, index)]
    mapped = vmap(document, dict.fromkeys(names, axis), size=size, out_axes=axis)
    assert Document.from_json(mapped.to_json()).types == mapped.types
    inputs = {f"x{index}": operand for index, operand in enumerate(sample.operands)}
    inputs |= {name: np.moveaxis(array, 0, axis) for name, array in zip(names, stacked, strict=True)}
    found = run(mapped, inputs)
    for index, actual in enumerate(found):
        expected = np.stack([result[index] for result in results], axis=axis)
        scale = max(map(largest_magnitude, (*inputs.values(), expected)))
        assert_alike(actual, expected, scale, f"{sample.id}, result {index}, {names} mapped at {axis}")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_all_operands_mapped(sample: Sample) -> None:
    check(sample, -1, 0, "examples")
    check(sample, -1, -1, COUNT)


@pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if len(sample.operands) > 1], ids=lambda sample: sample.id
)
def test_one_operand_mapped_and_the_others_shared(sample: Sample) -> None:
    for place in range(len(sample.operands)):
        check(sample, place, -1 if place % 2 else 0, COUNT if place else "examples")


@pytest.mark.parametrize("name", sorted({sample.op.name for sample in SAMPLES}))
def test_examples_of_every_op_differ(name: str) -> None:
    """Else the tests above would not see examples that are mixed up."""
    samples = (sample for sample in SAMPLES if sample.op.name == name)
    stacked = (examples_of(sample, -1, sample_document(sample))[0] for sample in samples)
    assert any(
        not np.array_equal(array[0], array[number]) for arrays in stacked for array in arrays for number in (1, 2)
    )
