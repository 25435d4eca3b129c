"""Ops that have a native kernel of their own: on large arrays the results are NumPy's, to the bit, in any parts."""

import numpy as np
import pytest

from asg_executor.engines.native import native_engine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.elementwise import Add
from asg_schema.ops.layout import DynamicSlice, DynamicUpdateSlice, Pad
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum
from asg_schema.ops.reduction_ordering import Argsort, Sort
from executor.native.single_ops import RANDOM, Application, numbers
from op_samples.sample import Array


def with_nan(array: Array) -> Array:
    """The array with NaN in some places, several in a line among them."""
    return np.where(RANDOM.random(array.shape) < 0.1, np.float32(np.nan), array)


def few(*shape: int) -> Array:
    """Numbers of which many are equal."""
    return RANDOM.integers(-3, 4, shape).astype(np.float32)


IMAGES = numbers(32, 12, 20, 20)
LARGE = {
    "pad images": Application(Pad, (IMAGES,), {"low": (0, 0, 1, 2), "high": (0, 0, 2, 1), "value": -1.5}),
    "pad and crop": Application(Pad, (IMAGES,), {"low": (0, 3, -2, 1), "high": (-1, 0, 4, -6), "value": float("nan")}),
    "pad between": Application(Pad, (IMAGES,), {"low": (0, 0, 1, 0), "high": (0,) * 4, "interior": (1, 0, 2, 1)}),
    "pad and crop between": Application(
        Pad, (IMAGES,), {"low": (0, 0, -4, 1), "high": (0, 0, 0, -5), "interior": (0, 0, 2, 3), "value": 7}
    ),
    "pad one line": Application(Pad, (numbers(90_000),), {"low": (70_000,), "high": (5,), "value": 2}),
    "pad rows": Application(Pad, (numbers(90, 700),), {"low": (30, 0), "high": (60, 0)}),
    "pad bools": Application(Pad, (numbers(300, 400) > 0,), {"low": (1, 1), "high": (1, 1), "value": 1}),
    "pad all away": Application(Pad, (numbers(300, 4),), {"low": (0, -9), "high": (0, 505), "value": 3}),
    "slice": Application(DynamicSlice, (numbers(80, 90, 70), np.array([-5, 7, 60])), {"shape": (50, 60, 30)}),
    "update": Application(DynamicUpdateSlice, (numbers(80, 90, 70), numbers(50, 60, 30), np.array([3, 99, -1]))),
    "update one row": Application(DynamicUpdateSlice, (numbers(1, 900, 70), numbers(1, 1, 70), np.array([0, 899, 0]))),
    "first of the largest": Application(Argmax, (few(3_000, 30),), {"axis": 1}),
    "first of the smallest": Application(Argmin, (few(30, 3_000),), {"axis": 0}),
    "first NaN in lines": Application(Argmax, (with_nan(few(3_000, 30)),), {"axis": -1, "keepdims": True}),
    "first NaN in columns": Application(Argmin, (with_nan(few(30, 3_000)),), {"axis": 0}),
    "first in long lines": Application(Argmax, (few(90, 3_000),), {"axis": 1}),
    "first NaN in long lines": Application(Argmin, (with_nan(few(90, 3_000)),), {"axis": 1}),
    "first of either 0": Application(Argmax, (np.where(few(90, 3_000) > 0, np.float32(-0.0), np.float32(0.0)),), {}),
    "first of halves": Application(Argmin, (few(90, 3_000).astype(np.float16),), {"axis": 1}),
    "first of all": Application(Argmax, (few(90, 40, 30),), {"axis": None}),
    "largest unsigned": Application(Argmax, (RANDOM.integers(0, 256, (3_000, 30)).astype(np.uint8),), {"axis": 1}),
    "smallest signed": Application(Argmin, (RANDOM.integers(-128, 128, (3_000, 30)).astype(np.int8),), {"axis": 1}),
    "totals of lines": Application(CumulativeSum, (numbers(800, 90),), {"axis": 1}),
    "totals of columns": Application(CumulativeSum, (numbers(90, 2_100),), {"axis": 0, "reverse": True}),
    "totals between": Application(CumulativeSum, (numbers(40, 30, 50),), {"axis": 1, "exclusive": True}),
    "totals of one line": Application(CumulativeSum, (numbers(50_000),), {"axis": 0, "reverse": True}),
    "totals of halves": Application(CumulativeSum, (numbers(60, 900).astype(np.float16),), {"axis": 0}),
    "totals of integers": Application(
        CumulativeSum, (RANDOM.integers(-(2**62), 2**62, (60, 900)),), {"axis": 0, "exclusive": True, "reverse": True}
    ),
    "sorted lines": Application(Sort, (with_nan(numbers(300, 130)),), {"axis": 1}),
    "sorted columns": Application(Sort, (few(77, 400),), {"axis": 0, "descending": True}),
    "sorted signed zeros": Application(Sort, (np.where(few(90, 300) > 0, np.float32(-0.0), np.float32(0.0)),), {}),
    "order of lines": Application(Argsort, (with_nan(few(300, 129)),), {"axis": 1}),
    "order of columns": Application(Argsort, (with_nan(few(77, 400)),), {"axis": 0, "descending": True}),
    "order of one long line": Application(Argsort, (few(20_001),), {"axis": 0}),
    "order of pairs": Application(Argsort, (few(20_000, 2),), {"axis": 1}),
    "order of single elements": Application(Argsort, (few(60_000, 1),), {"axis": 1}),
    "order of halves": Application(Argsort, (with_nan(few(300, 64)).astype(np.float16),), {"axis": 1}),
    "sorted halves": Application(Sort, (few(300, 64).astype(np.float16),), {"axis": 1, "descending": True}),
    "order of unsigned": Application(Argsort, (RANDOM.integers(0, 2**32, (300, 64)).astype(np.uint32),), {"axis": 1}),
    "sorted signed": Application(Sort, (RANDOM.integers(-(2**31), 2**31, (300, 64)).astype(np.int32),), {"axis": 1}),
}
ONE_UNIT = {"order of one long line", "first of all", "first of either 0", "totals of one line"}


@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_those_of_numpy_in_any_number_of_parts(
    case: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_engine, "default_threads", lambda: threads)
    found, expected = LARGE[case].run(NativeEngine()), LARGE[case].run(NumpyEngine())
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("case", LARGE)
def test_large_ones_run_natively_and_in_parts(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_engine, "default_threads", lambda: 2)
    assert LARGE[case].native_parts() == [1 if case in ONE_UNIT else 2]


@pytest.mark.parametrize("bound", [True, False])
def test_a_block_is_written_where_the_operand_lies(bound: bool) -> None:
    """As a state that is updated in place, and as a value that nothing else needs."""
    editor = Editor()
    cache = editor.add_input(Input(id="cache", dtype=DType.FLOAT32, shape=(2, 50, 8)))
    row = editor.add_input(Input(id="row", dtype=DType.FLOAT32, shape=(2, 1, 8)))
    start = editor.add_input(Input(id="start", dtype=DType.INT64, shape=(3,)))
    x = cache if bound else Add.of(cache, cache)
    result = DynamicUpdateSlice.of(x, row, start)
    editor.add_output(Output(name="cache", value=result.id))
    held = {"cache": numbers(2, 50, 8)}
    executable = NativeEngine().compile(
        editor.document(), {}, bound=held if bound else None, destinations=held if bound else None
    )
    places = executable.plan.places
    if bound:
        assert places[result.id] == ("destination", "cache", 0)
    else:
        assert places[result.id] == places[x.id]
    expected = held["cache"].copy()
    given = {"row": numbers(2, 1, 8), "start": np.array([0, 31, 0]), **({} if bound else held)}
    found = executable(given)
    expected = expected if bound else 2 * expected
    expected[:, 31:32] = given["row"]
    np.testing.assert_array_equal(held["cache"] if bound else found["cache"], expected)


def test_the_first_total_keeps_its_sign_and_one_left_out_is_0() -> None:
    zeros = np.full((2, 3), -0.0, np.float32)
    for exclusive in (False, True):
        application = Application(CumulativeSum, (zeros,), {"axis": 1, "exclusive": exclusive})
        np.testing.assert_array_equal(
            np.signbit(application.run(NativeEngine())), np.signbit(application.run(NumpyEngine()))
        )


@pytest.mark.parametrize("op", [Sort, Argsort])
def test_lines_that_would_take_much_memory_and_bytes_are_left_to_numpy(op: type[Op]) -> None:
    assert Application(op, (np.zeros((2, 100), np.int8),), {"axis": 1}).native_parts() == []
    assert Application(op, (np.zeros((2, 10**7), np.float32),), {"axis": 1}).native_parts() == []
