"""Every op that JAX has: results in every dtype, and gradients at smooth points."""

from collections.abc import Mapping

import jax
import numpy as np
import pytest

from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample
from parity.derivatives import assert_same, fixed_cotangents, float_results, gradients, results
from parity.jax_functions import FUNCTIONS, WITHOUT_COUNTERPART

OTHER_RESULT = {
    "digamma.edges": "JAX has NaN at 0; here, as in SciPy and PyTorch, it is -inf, and inf at -0",
    "hardswish.minus_infinity": "JAX multiplies -inf by 0; here it is the limit, 0",
    "mish.infinite": "as hardswish",
    "pow.int32": "a negative exponent of an integer yields some integer in JAX, and 0 here",
}
OTHER_GRADIENT: dict[str, str] = {
    "std.rank_0": "NaN at a deviation of 0 in JAX, and 0 here and in PyTorch",
}

COMPARABLE = [sample for sample in ALL_SAMPLES if sample.op in FUNCTIONS]
DIFFERENTIABLE = [sample for sample in COMPARABLE if sample.differentiable_operands() and float_results(sample)]


def every(samples: list[Sample], exceptions: Mapping[str, str]) -> pytest.MarkDecorator:
    """Parametrize over samples; an exception has to fail, so that a stale one is found."""
    reasons = {sample.id: exceptions[sample.id] for sample in samples if sample.id in exceptions}
    assert set(reasons) == set(exceptions)
    marks = {id: pytest.mark.xfail(reason=reason) for id, reason in reasons.items()}
    return pytest.mark.parametrize(
        "sample", [pytest.param(sample, id=sample.id, marks=marks.get(sample.id, ())) for sample in samples]
    )


def attributes_of(sample: Sample) -> dict[str, object]:
    """The attributes, lists as the tuples that JAX wants."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in sample.attributes.items()}


def apply(sample: Sample, *operands: Array) -> tuple[jax.Array, ...]:
    """All results of JAX's function."""
    found = FUNCTIONS[sample.op](*operands, **attributes_of(sample))
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def test_every_op_is_compared_or_has_no_counterpart() -> None:
    assert sorted({op.name for op in OPS.values()} - {op.name for op in FUNCTIONS}) == sorted(WITHOUT_COUNTERPART)


@every(COMPARABLE, OTHER_RESULT)
def test_result(sample: Sample) -> None:
    expected = apply(sample, *map(jax.numpy.asarray, sample.operands))
    narrow = sample.expected()[0].dtype.itemsize < 8
    for actual, wanted in zip(results(sample), expected, strict=True):
        assert_same(actual, np.asarray(wanted), sample.id, 1e-2 if narrow else 1e-12)


@every(DIFFERENTIABLE, OTHER_GRADIENT)
def test_gradient(sample: Sample) -> None:
    wrt = sample.differentiable_operands()
    cotangents = fixed_cotangents(sample)
    arrays = list(map(jax.numpy.asarray, sample.operands))

    def function(*chosen: Array) -> list[jax.Array]:
        given = dict(zip(wrt, chosen, strict=True))
        found = apply(sample, *(given.get(index, operand) for index, operand in enumerate(arrays)))
        return [found[index] for index in float_results(sample)]

    _, pull = jax.vjp(function, *(arrays[index] for index in wrt))
    actual = gradients(sample, wrt, cotangents)
    expected = pull(list(map(jax.numpy.asarray, cotangents)))
    for index, x, y in zip(wrt, actual, expected, strict=True):
        assert_same(x, np.asarray(y), f"{sample.id}: derivative by x{index}", 1e-11)
