"""Native sums and maxima over windows agree with the NumPy kernels, for every sample and for any attributes."""

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
from asg_schema.ops.window import MaxPool, WindowSum
from executor.native.guarded import guarded
from executor.native.running import run_natively, run_with_numpy
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, sample_document

_SAMPLES = [
    sample
    for sample in ALL_SAMPLES
    if sample.op in (MaxPool, WindowSum) and sample.operands[0].dtype == np.float64 and sample.operands[0].size
]


def _check(op: Op, x: Array, threads: int = 1) -> None:
    found, expected = run_natively(op, [x], threads), run_with_numpy(op, [x])
    assert found is not None
    if isinstance(op, MaxPool):
        assert np.array_equal(found[0], expected[0], equal_nan=True)
        assert (found[1] == expected[1]).all()
    else:
        size = run_with_numpy(op, [np.abs(x.astype(np.float64))])[0]
        exact = run_with_numpy(op, [x.astype(np.float64)])[0]
        terms = np.prod(op.kernel_size) if isinstance(op, WindowSum) else 1
        eps = np.finfo(x.dtype).eps
        close = np.abs(found[0].astype(np.float64) - exact) <= (terms + 1) * eps * size
        assert (close | (np.isnan(found[0]) & np.isnan(exact)) | (found[0] == exact)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda sample: sample.id)
def test_samples(sample: Sample, dtype: Any) -> None:
    (node,) = sample_document(sample).nodes
    x = sample.operands[0].astype(dtype)
    if run_with_numpy(node, [x])[0].size and run_natively(node, [x]) is not None:
        _check(node, x)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[dict[str, Any], Array]:
    spatial = draw(st.integers(1, 3))

    def each(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(strategy, min_size=spatial, max_size=spatial).map(tuple)

    longest = 80 if spatial == 1 else 20 if spatial == 2 else 8
    attributes = {
        "kernel_size": draw(each(st.integers(1, 5))),
        "strides": draw(st.none() | each(st.integers(1, 4))),
        "padding": draw(st.none() | each(st.tuples(st.integers(-1, 3), st.integers(-1, 3)))),
        "dilation": draw(st.none() | each(st.integers(1, 3))),
    }
    shape = (*draw(st.lists(st.integers(1, 3), max_size=2)), *draw(each(st.integers(1, longest))))
    # Few different numbers, so that there are ties; and some NaN.
    choices = np.array([-2.0, -0.0, 0.0, 1.0, 3.0, 3.5, np.nan if draw(st.booleans()) else 2.0, -np.inf], np.float32)
    x = np.random.default_rng(draw(st.integers(0, 5))).choice(choices, shape)
    return attributes, x


@settings(max_examples=80)
@given(_cases(), st.sampled_from([MaxPool, WindowSum]), st.integers(1, 3))
def test_any_windows(case: tuple[dict[str, Any], Array], kind: type[MaxPool | WindowSum], threads: int) -> None:
    attributes, x = case
    op = kind(id="windows", inputs=("x",), **attributes)
    try:
        if run_with_numpy(op, [x])[0].size == 0:
            return
    except RuleError:
        return
    _check(op, np.where(np.isinf(x), -9, x) if kind is WindowSum else x, threads)


def test_windows_of_an_image_with_gaps_between_its_elements() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 40, 62)).astype(np.float32)[:, :, ::2, 1::2]
    _check(MaxPool(id="max", inputs=("x",), kernel_size=(2, 2), strides=(2, 2)), x)
    _check(WindowSum(id="sum", inputs=("x",), kernel_size=(3, 2)), x)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is protected otherwise there")
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("kind", [MaxPool, WindowSum])
@pytest.mark.parametrize(
    ("shape", "size", "strides", "padding"),
    [
        ((5, 28, 28), (2, 2), (2, 2), None),
        ((3, 112, 112), (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((2, 14, 14), (2, 2), (2, 2), None),
        ((2, 33, 31), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((200,), (3,), (2,), ((1, 0),)),
        ((2, 40, 41), (2, 3), (3, 3), ((0, 1), (1, 1))),
    ],
)
def test_nothing_is_read_or_written_beside_the_arrays(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...] | None,
    kind: type[MaxPool | WindowSum],
    end: bool,
) -> None:
    op = kind(id="windows", inputs=("x",), kernel_size=size, strides=strides, padding=padding)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = run_natively(op, [guarded(x, end=end)], 2, partial(guarded, end=end))
    plain = run_natively(op, [x])
    assert found is not None
    assert plain is not None
    assert all(a.tobytes() == b.tobytes() for a, b in zip(found, plain, strict=True))


@pytest.mark.parametrize("unit", [VectorUnit(16, 16), VectorUnit(32, 16)])
def test_processors_with_shorter_vectors(unit: VectorUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.engines.native.window.pooling.vector_unit", lambda: unit)
    x = np.random.default_rng(0).standard_normal((4, 19, 23)).astype(np.float32)
    for kind in (MaxPool, WindowSum):
        for step in (1, 2, 3):
            op = kind(id="windows", inputs=("x",), kernel_size=(2, 3), strides=(step, step), padding=((1, 0), (1, 1)))
            _check(op, x)


def test_a_step_that_leads_past_all_elements() -> None:
    x = np.arange(5, dtype=np.float32)
    _check(MaxPool(id="max", inputs=("x",), kernel_size=(2,), dilation=(2**40,), padding=((0, 2**40),)), x)


def test_integers_are_left_to_numpy() -> None:
    assert run_natively(MaxPool(id="max", inputs=("x",), kernel_size=(2,)), [np.arange(5, dtype=np.int32)]) is None
