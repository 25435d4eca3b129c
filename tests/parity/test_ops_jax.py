"""Every op that JAX has: results in every dtype, and gradients at smooth points."""

from collections.abc import Mapping

import jax
import numpy as np
import pytest

from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample
from parity.derivatives import assert_same, fixed_arrays, forward, gradients
from parity.jax_functions import FUNCTIONS, WITHOUT_COUNTERPART

OTHER_RESULT = {
    "digamma.edges": "JAX has NaN at 0; here, as in SciPy and PyTorch, it is -inf, and inf at -0",
    "pow.int32": "a negative exponent of an integer yields some integer in JAX, and 0 here",
}
OTHER_GRADIENT = {
    "max_pool.dilation": "JAX has no derivative of a dilated maximum over windows",
    "max_pool.negative_padding": "JAX has no derivative of a maximum over windows with negative padding",
}

COMPARABLE = [sample for sample in ALL_SAMPLES if sample.op in FUNCTIONS]
DIFFERENTIABLE = [
    sample for sample in COMPARABLE if sample.differentiable_operands() and sample.expected()[0].dtype == np.float64
]


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


def apply(sample: Sample, *operands: Array) -> jax.Array:
    return FUNCTIONS[sample.op](*operands, **attributes_of(sample))


def test_every_op_is_compared_or_has_no_counterpart() -> None:
    assert sorted({op.name for op in OPS.values()} - {op.name for op in FUNCTIONS}) == sorted(WITHOUT_COUNTERPART)


@every(COMPARABLE, OTHER_RESULT)
def test_result(sample: Sample) -> None:
    expected = np.asarray(apply(sample, *map(jax.numpy.asarray, sample.operands)))
    narrow = sample.expected()[0].dtype.itemsize < 8
    assert_same(forward(sample), expected, sample.id, 1e-2 if narrow else 1e-12)


@every(DIFFERENTIABLE, OTHER_GRADIENT)
def test_gradient(sample: Sample) -> None:
    wrt = sample.differentiable_operands()
    (cotangent,) = fixed_arrays([sample.expected()[0].shape], seed=1)
    arrays = list(map(jax.numpy.asarray, sample.operands))

    def function(*chosen: Array) -> jax.Array:
        given = dict(zip(wrt, chosen, strict=True))
        return apply(sample, *(given.get(index, operand) for index, operand in enumerate(arrays)))

    _, pull = jax.vjp(function, *(arrays[index] for index in wrt))
    actual = gradients(sample, wrt, cotangent)
    for index, x, y in zip(wrt, actual, pull(jax.numpy.asarray(cotangent)), strict=True):
        assert_same(x, np.asarray(y), f"{sample.id}: derivative by x{index}", 1e-11)
