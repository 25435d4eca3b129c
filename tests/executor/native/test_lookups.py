"""Gathers and scatters natively: large ones, repeated indices, in parts, in place, and with indices out of range."""

import numpy as np
import pytest

from asg_executor.engines.native import native_engine
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import IndexOutOfRangeError
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.elementwise import Add, Multiply
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet
from executor.native.single_ops import Application, below, halves, numbers

LARGE: dict[str, Application] = {
    "rows": Application(Take, (numbers(500, 96), below(500, 40, 25)), {"axis": 0}),
    "columns": Application(Take, (numbers(300, 120), below(120, 200)), {"axis": 1}),
    "one row of many": Application(Take, (numbers(8, 70_000), np.array(-3)), {"axis": 0}),
    "an element of each row": Application(TakeAlongAxis, (numbers(60_000, 9), below(9, 60_000, 1)), {"axis": 1}),
    "an element of each column": Application(TakeAlongAxis, (numbers(90, 500), below(90, 120, 500)), {"axis": 0}),
    "by tuples": Application(GatherNd, (numbers(90, 80, 3), np.stack([below(90, 30_000), below(80, 30_000)], -1))),
    "repeated rows": Application(IndexAdd, (numbers(50, 96), below(50, 40, 25), numbers(40, 25, 96)), {"axis": 0}),
    "repeated narrow rows": Application(IndexAdd, (numbers(7, 3), below(7, 40_000), numbers(40_000, 3)), {"axis": 0}),
    "repeated places": Application(IndexAdd, (numbers(7), below(7, 60_000), numbers(60_000)), {"axis": 0}),
    "between other axes": Application(IndexAdd, (numbers(30, 11, 70), below(11, 50), numbers(30, 50, 70)), {"axis": 1}),
    "into each row": Application(
        ScatterAddAlongAxis, (numbers(9_000, 9), below(9, 9_000, 4), numbers(9_000, 4)), {"axis": 1}
    ),
    "into each column": Application(
        ScatterAddAlongAxis, (numbers(9, 900), below(9, 70, 900), numbers(70, 900)), {"axis": 0}
    ),
    "added by tuples": Application(
        ScatterNdAdd,
        (numbers(40, 6, 5, 8), np.stack([below(6, 40, 90), below(5, 40, 90)], -1), numbers(40, 90, 8)),
        {"batch_dims": 1},
    ),
    "repeated rows of halves": Application(
        IndexAdd, (halves(50, 96), below(50, 40, 25), halves(40, 25, 96)), {"axis": 0}
    ),
    "halves into many rows": Application(
        IndexAdd, (halves(30_000, 80), below(30_000, 700), halves(700, 80)), {"axis": 0}
    ),
    "halves between other axes": Application(
        IndexAdd, (halves(30, 11, 70), below(11, 50), halves(30, 50, 70)), {"axis": 1}
    ),
    "halves into each row": Application(
        ScatterAddAlongAxis, (halves(9_000, 9), below(9, 9_000, 4), halves(9_000, 4)), {"axis": 1}
    ),
    "halves by tuples": Application(
        ScatterNdAdd,
        (halves(40, 6, 5, 8), np.stack([below(6, 40, 90), below(5, 40, 90)], -1), halves(40, 90, 8)),
        {"batch_dims": 1},
    ),
    "set by tuples": Application(ScatterNdSet, (numbers(300, 70), below(300, 2_000, 1), numbers(2_000, 70))),
}
every_large = pytest.mark.parametrize("case", LARGE)


@every_large
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_those_of_numpy_to_the_bit_in_any_number_of_parts(
    case: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_engine, "default_threads", lambda: threads)
    np.testing.assert_array_equal(LARGE[case].run(NativeEngine()), LARGE[case].run(NumpyEngine()))


@every_large
def test_large_ones_run_natively_and_in_parts_unless_all_is_added_to_one_short_row(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_engine, "default_threads", lambda: 2)
    assert LARGE[case].native_parts() == [1 if case in ("repeated places", "repeated narrow rows") else 2]


@every_large
def test_an_index_out_of_range_is_explained_as_numpy_does_and_the_next_call_works(case: str) -> None:
    application = LARGE[case]
    executables = [engine.compile(application.document(), {}) for engine in (NativeEngine(), NumpyEngine())]
    inputs = application.inputs
    indices = application.operands[1].copy()
    for value in (10**6, -(10**6), np.iinfo(np.int64).min):
        indices.flat[indices.size // 2] = value
        messages: list[str] = []
        for executable in executables:
            with pytest.raises(IndexOutOfRangeError) as caught:
                executable({**inputs, "x1": indices})
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert "result" in messages[0]
    native, numpy = (executable(inputs)["y"] for executable in executables)
    np.testing.assert_array_equal(native, numpy)


def embedding_step() -> Document:
    """Rows of a table looked up, and the table changed: table - 0.5 * (the sum of ones for each row looked up)."""
    editor = Editor()
    table = editor.add_parameter(Parameter(id="table", dtype=DType.FLOAT32, shape=(30, 16)))
    other = editor.add_parameter(Parameter(id="other", dtype=DType.FLOAT32, shape=(30, 16)))
    tokens = editor.add_input(Input(id="tokens", dtype=DType.INT64, shape=(12,)))
    changed = Add.of(other, other)
    rows = Take.of(table, tokens, axis=0)
    editor.add_output(Output(name="rows", value=Multiply.of(rows, rows).id))
    editor.add_output(Output(name="other", value=changed.id))
    editor.add_output(Output(name="table", value=IndexAdd.of(table, tokens, rows, axis=0).id))
    return editor.document()


def test_a_step_that_fails_changes_nothing_that_is_bound() -> None:
    table, other = numbers(30, 16), numbers(30, 16)
    before = table.copy(), other.copy()
    bound = {"table": table, "other": other}
    executable = NativeEngine().compile(embedding_step(), {}, bound=bound, destinations=bound)
    tokens = np.arange(12)
    tokens[7] = 30
    with pytest.raises(IndexOutOfRangeError, match='node "take"'):
        executable({"tokens": tokens})
    np.testing.assert_array_equal(table, before[0])
    np.testing.assert_array_equal(other, before[1])
    tokens[7] = 3
    executable({"tokens": tokens})
    expected = before[0].copy()
    np.add.at(expected, tokens, before[0][tokens])
    np.testing.assert_array_equal(table, expected)
    np.testing.assert_array_equal(other, 2 * before[1])


def test_a_dying_operand_is_added_to_where_it_lies() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(40, 16)))
    tokens = editor.add_input(Input(id="tokens", dtype=DType.INT64, shape=(100,)))
    source = editor.add_input(Input(id="source", dtype=DType.FLOAT32, shape=(100, 16)))
    doubled = Add.of(x, x)
    result = IndexAdd.of(doubled, tokens, source, axis=0)
    editor.add_output(Output(name="y", value=result.id))
    executable = NativeEngine().compile(editor.document(), {})
    places = executable.plan.places
    assert places[result.id] == places[doubled.id]
    arrays = {"x": numbers(40, 16), "tokens": below(40, 100), "source": numbers(100, 16)}
    expected = 2 * arrays["x"]
    np.add.at(expected, arrays["tokens"], arrays["source"])
    for _ in range(2):
        np.testing.assert_array_equal(executable(arrays)["y"], expected)


def test_an_operand_that_is_the_source_too_is_not_overwritten() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(4, 3)))
    order = editor.add_input(Input(id="order", dtype=DType.INT64, shape=(4,)))
    doubled: Value = Add.of(x, x)
    result = IndexAdd.of(doubled, order, doubled, axis=0)
    editor.add_output(Output(name="y", value=result.id))
    executable = NativeEngine().compile(editor.document(), {})
    assert executable.plan.places[result.id] != executable.plan.places[doubled.id]
    given = numbers(4, 3)
    found = executable({"x": given, "order": np.array([1, 2, 3, 0])})["y"]
    np.testing.assert_array_equal(found, 2 * given + 2 * given[[3, 0, 1, 2]])
