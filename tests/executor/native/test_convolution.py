"""Native convolutions agree with the NumPy kernel, for every sample of the op and for any attributes and layouts."""

import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_executor.engines.native.compilation import VectorUnit
from asg_executor.plan.arrays import Array
from asg_schema.errors import RuleError
from asg_schema.op import Op
from asg_schema.ops.window import Conv
from executor.native.guarded import guarded
from executor.native.running import run_natively, run_with_numpy
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, sample_document

_SAMPLES = [
    sample
    for sample in ALL_SAMPLES
    if sample.op is Conv and sample.operands[0].dtype == np.float64 and all(x.size for x in sample.operands)
]


def _random(*shape: int, dtype: str = "float32") -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _conv(**attributes: Any) -> Conv:
    return Conv(id="conv", inputs=("x", "weight"), **attributes)


def _check(op: Op, x: Array, weight: Array, threads: int) -> None:
    found = run_natively(op, [x, weight], threads)
    assert found is not None
    wide = [operand.astype(np.float64) for operand in (x, weight)]
    (exact,) = run_with_numpy(op, wide)
    (size,) = run_with_numpy(op, [np.abs(operand) for operand in wide])
    # Each term and each sum is rounded once; the kernel in double precision, too.
    terms = 2 + x.shape[1] * weight[0, 0].size + x.shape[0]
    computed = np.finfo(np.promote_types(x.dtype, np.float32)).eps
    rounded = np.finfo(x.dtype).eps / 2 if x.dtype == np.float16 else 0  # halves are summed in single precision
    assert (np.abs(found[0] - exact) <= (terms * computed + rounded) * size).all()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda sample: sample.id)
def test_samples(sample: Sample, dtype: Any, threads: int) -> None:
    (node,) = sample_document(sample).nodes
    x, weight = (operand.astype(dtype) for operand in sample.operands)
    if run_with_numpy(node, [x, weight])[0].size:
        _check(node, x, weight, threads)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Conv, Array, Array]:
    spatial = draw(st.integers(1, 3))
    small = st.integers(1, 3)
    features, batches = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2)]))
    channels, outputs, batch = draw(small), draw(st.integers(1, 20)), draw(small)
    size = st.integers(1, 20) if spatial == 1 else st.integers(1, 9)
    kernel = st.integers(1, 12) if spatial == 1 else st.integers(1, 6)
    steps = st.lists(small, min_size=spatial, max_size=spatial).map(tuple)
    padding = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=spatial, max_size=spatial).map(tuple)
    op = _conv(
        strides=draw(st.none() | steps),
        padding=draw(st.none() | padding),
        lhs_dilation=draw(st.none() | steps),
        rhs_dilation=draw(st.none() | steps),
        feature_groups=features,
        batch_groups=batches,
    )
    x_shape = (batch * batches, channels * features, *(draw(size) for _ in range(spatial)))
    weight_shape = (outputs * features * batches, channels, *(draw(kernel) for _ in range(spatial)))
    return op, draw(_layouts(x_shape)), draw(_layouts(weight_shape))


@st.composite
def _layouts(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """An array of this shape that is perhaps a view: of one with its axes exchanged, or reversed."""
    axes = draw(st.permutations(range(len(shape))))
    array = _random(*(shape[axis] for axis in axes))
    array = array.transpose(tuple(int(axis) for axis in np.argsort(axes)))
    for axis in draw(st.sets(st.integers(0, len(shape) - 1))):
        array = np.flip(array, axis)
    return array


@settings(max_examples=60)
@given(_cases(), st.integers(1, 4))
def test_any_convolution(case: tuple[Conv, Array, Array], threads: int) -> None:
    op, x, weight = case
    try:
        if run_with_numpy(op, [x, weight])[0].size == 0:
            return
    except RuleError:
        return
    _check(op, x, weight, threads)


_PAD = ((1, 1), (1, 1))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("op", "x", "weight"),
    [
        (_conv(padding=_PAD), _random(3, 5, 14, 14), _random(37, 5, 3, 3)),
        (_conv(padding=_PAD), _random(5, 3, 30, 33).transpose(1, 0, 2, 3), _random(6, 5, 3, 3)),
        (
            _conv(padding=_PAD),
            _random(7, 3, 28, 28).transpose(1, 0, 2, 3),
            _random(7, 50, 28, 28).transpose(1, 0, 2, 3),
        ),
        (_conv(padding=_PAD, strides=(2, 2)), _random(2, 16, 40, 41), _random(24, 16, 3, 3)),
        (_conv(padding=((1, 2), (1, 2)), lhs_dilation=(2, 2)), _random(2, 9, 13, 12), _random(20, 9, 3, 3)),
        (_conv(lhs_dilation=(2, 2)), _random(2, 3, 60, 50), _random(4, 3, 1, 1)),  # most places meet nothing
        (_conv(feature_groups=12), _random(2, 12, 20, 20), _random(24, 1, 5, 5)),
        (_conv(), _random(2, 700, 6, 6), _random(10, 700, 3, 2)),  # the channels are met in blocks
        (_conv(), _random(1, 3, 200, 190), _random(40, 3, 7, 7)),  # and the places
        (_conv(padding=_PAD), _random(90, 2, 60, 50), _random(70, 2, 60, 50)),  # and the positions, and the images
    ],
)
def test_sizes_that_are_met_in_blocks(op: Conv, x: Array, weight: Array, threads: int) -> None:
    _check(op, x, weight, threads)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected otherwise there")
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize(
    ("attributes", "x", "weight"),
    [
        ({"padding": _PAD}, _random(3, 5, 14, 14), _random(37, 5, 3, 3)),
        ({"padding": _PAD}, _random(2, 3, 31, 29), _random(6, 3, 3, 3)),
        ({"padding": _PAD}, _random(2, 7, 28, 28), _random(33, 7, 28, 28)),
        ({"padding": _PAD, "strides": (2, 2)}, _random(2, 4, 17, 18), _random(9, 4, 3, 3)),
        ({"padding": ((1, 2), (1, 2)), "lhs_dilation": (2, 2)}, _random(2, 3, 13, 12), _random(5, 3, 3, 3)),
    ],
)
def test_nothing_is_read_or_written_beside_the_arrays(
    attributes: dict[str, Any], x: Array, weight: Array, end: bool
) -> None:
    op = _conv(**attributes)
    found = run_natively(op, [guarded(x, end=end), guarded(weight, end=end)], 2, partial(guarded, end=end))
    plain = run_natively(op, [x, weight], 2)
    assert found is not None
    assert plain is not None
    assert found[0].tobytes() == plain[0].tobytes()


@pytest.mark.parametrize("unit", [VectorUnit(16, 16), VectorUnit(32, 16)])
def test_processors_with_shorter_vectors(unit: VectorUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.engines.native.window.convolution.vector_unit", lambda: unit)
    for dtype in ("float32", "float64"):
        x, weight = _random(3, 5, 13, 11, dtype=dtype), _random(21, 5, 3, 3, dtype=dtype)
        _check(_conv(padding=_PAD), x, weight, 2)
        _check(_conv(strides=(2, 3), rhs_dilation=(1, 2)), x, weight, 1)
        _check(_conv(padding=_PAD), x, _random(9, 5, 13, 11, dtype=dtype), 3)


def test_the_result_does_not_depend_on_who_computes_the_units() -> None:
    op, x, weight = _conv(padding=_PAD), _random(6, 4, 9, 9), _random(8, 4, 3, 3)
    once, again = (run_natively(op, [x, weight], 3) for _ in range(2))
    assert once is not None
    assert again is not None
    assert once[0].tobytes() == again[0].tobytes()


def test_nan_stays_where_it_is_met() -> None:
    x = _random(2, 3, 9, 9)
    x[1, 2, 4, 4] = np.nan
    found = run_natively(_conv(padding=_PAD), [x, _random(5, 3, 3, 3)])
    assert found is not None
    expected = np.zeros((2, 5, 9, 9), bool)
    expected[1, :, 3:6, 3:6] = True
    assert (np.isnan(found[0]) == expected).all()


def test_integers_are_left_to_numpy() -> None:
    x, weight = np.ones((1, 1, 3), np.int32), np.ones((1, 1, 2), np.int32)
    assert run_natively(_conv(), [x, weight]) is None
