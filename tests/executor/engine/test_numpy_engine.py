import threading
import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import IndexOutOfRangeError, InterfaceError, MemoryLimitError
from asg_executor.plan.arrays import numpy_dtype
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.ops.elementwise import Multiply
from asg_schema.ops.elementwise_functions import Exp, Tanh
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import Flip, PermuteDims
from asg_schema.ops.reduction import Sum

Array = npt.NDArray[Any]
ENGINE = NumpyEngine()


def floats(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def momentum_document(size: int) -> Document:
    """p' = p - 0.1 v', v' = 0.9 v + g."""
    editor = Editor()
    p, v, g = (editor.add_input(Input(id=name, dtype=DType.FLOAT32, shape=(size,))) for name in "pvg")
    velocity = v * 0.9 + g
    editor.add_output(Output(name="v", value=velocity.id))
    editor.add_output(Output(name="p", value=(p - velocity * 0.1).id))
    return editor.document()


@pytest.mark.parametrize("size", [5, 200_000])
def test_an_update_is_written_over_what_it_reads(size: int) -> None:
    p, v, g = (floats(size, seed=seed) for seed in range(3))
    expected_p, expected_v = p.copy(), v.copy()
    executable = ENGINE.compile(momentum_document(size), {}, bound={"p": p, "v": v}, destinations={"p": p, "v": v})
    assert not executable.plan.written, "both outputs are computed right where they belong"
    for _ in range(3):
        expected_v = np.float32(0.9) * expected_v + g
        expected_p = expected_p - np.float32(0.1) * expected_v
        assert executable({"g": g}) == {}
    np.testing.assert_array_equal(p, expected_p)
    np.testing.assert_array_equal(v, expected_v)


def two_way_document(swapped: bool) -> Document:
    editor = Editor()
    a, b = (editor.add_input(Input(id=name, dtype=DType.FLOAT32, shape=(4,))) for name in "ab")
    editor.add_output(Output(name="a", value=b.id))
    editor.add_output(Output(name="b", value=a.id if swapped else Exp.of(a).id))
    return editor.document()


@pytest.mark.parametrize("swapped", [True, False])
def test_arrays_may_change_places(swapped: bool) -> None:
    a, b = floats(4), floats(4, seed=1)
    arrays = {"a": a.copy(), "b": b.copy()}
    ENGINE.compile(two_way_document(swapped), {}, bound=arrays, destinations=arrays)({})
    np.testing.assert_array_equal(arrays["a"], b)
    np.testing.assert_allclose(arrays["b"], a if swapped else np.exp(a), rtol=1e-6)


@pytest.mark.parametrize("size", [3, 400])
def test_an_output_that_needs_the_old_content_later_is_written_at_the_end(size: int) -> None:
    """The old x is read, turned round, after the new x is known."""
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(size, size)))
    new = Tanh.of(x)
    later = Sum.of(Multiply.of(PermuteDims.of(x, axes=(1, 0)), new))
    mirrored = Flip.of(x) + x
    for name, value in {"x": new, "later": later, "mirrored": mirrored}.items():
        editor.add_output(Output(name=name, value=value.id))
    memory = floats(size, size)
    old = memory.copy()
    results = ENGINE.compile(editor.document(), {}, bound={"x": memory}, destinations={"x": memory})({})
    np.testing.assert_allclose(memory, np.tanh(old), rtol=1e-6)
    np.testing.assert_allclose(results["later"], (old.T * np.tanh(old)).sum(dtype=np.float64), rtol=1e-3, atol=1e-2)
    np.testing.assert_array_equal(results["mirrored"], np.flip(old) + old)


def test_a_destination_that_overlaps_a_bound_array_in_part_is_written_at_the_end() -> None:
    memory = floats(101)
    old = memory.copy()
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(100,)))
    editor.add_output(Output(name="y", value=(x + x).id))
    ENGINE.compile(editor.document(), {}, bound={"x": memory[:100]}, destinations={"y": memory[1:]})({})
    np.testing.assert_array_equal(memory[1:], 2 * old[:100])


def test_bound_arrays_and_destinations_need_not_be_contiguous() -> None:
    memory, target = floats(6, 4), np.zeros((4, 6), np.float32)
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(4, 3)))
    editor.add_output(Output(name="y", value=Exp.of(x).id))
    executable = ENGINE.compile(
        editor.document(), {}, bound={"x": memory.T[:, ::2]}, destinations={"y": target[:, ::2]}
    )
    for _ in range(2):
        executable({})
        np.testing.assert_allclose(target[:, ::2], np.exp(memory.T[:, ::2]), rtol=1e-6)
        memory *= 0.5
    assert not target[:, 1::2].any()


def lookup_document(outputs: tuple[str, ...] = ("table", "row")) -> Document:
    """The table doubled, and, after it, one of its rows."""
    editor = Editor()
    table = editor.add_parameter(Parameter(id="table", dtype=DType.FLOAT32, shape=(3, 2)))
    index = editor.add_input(Input(id="index", dtype=DType.INT64, shape=()))
    doubled = table + table
    (row,) = editor.emit(Take, (table, index), {"axis": 0}, "lookup")
    values = {"table": doubled, "row": row}
    for name in outputs:
        editor.add_output(Output(name=name, value=values[name].id))
    return editor.document()


def test_a_call_that_fails_has_changed_nothing() -> None:
    table = floats(3, 2)
    old = table.copy()
    executable = ENGINE.compile(lookup_document(), {}, bound={"table": table}, destinations={"table": table})
    with pytest.raises(IndexOutOfRangeError, match=r'node "lookup" \(take\): index 3 .*-3 to 2 is needed'):
        executable({"index": np.array(3)})
    np.testing.assert_array_equal(table, old)
    results = executable({"index": np.array(-1)})
    np.testing.assert_array_equal(results["row"], old[-1])
    np.testing.assert_array_equal(table, 2 * old)


def test_outputs_are_fresh_and_inputs_are_left_alone() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(symbol("n"),)))
    editor.add_output(Output(name="same", value=x.id))
    editor.add_output(Output(name="twice", value=(x + x).id))
    executable = ENGINE.compile(editor.document(), {"n": 3})
    given = floats(3)
    kept = given.copy()
    first = executable({"x": given})
    second = executable({"x": given + 1})
    np.testing.assert_array_equal(given, kept)
    np.testing.assert_array_equal(first["same"], kept)
    np.testing.assert_array_equal(first["twice"], 2 * kept)
    assert not any(np.shares_memory(a, b) for a in first.values() for b in (*second.values(), given))


def test_only_what_the_chosen_outputs_need_is_asked_for() -> None:
    executable = ENGINE.compile(lookup_document(), {}, outputs=["table"])
    assert set(executable.inputs) == {"table"}
    assert set(executable({"table": floats(3, 2), "index": np.array(99)})) == {"table"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"bound": {"tabel": floats(3, 2)}}, 'no input or parameter "tabel"; did you mean "table"'),
        ({"bound": {"table": floats(2, 3)}}, r'"table" is float32\[3, 2\]; the array given for it is float32\[2, 3\]'),
        ({"bound": {"table": np.zeros((3, 2))}}, r"the array given for it is float64\[3, 2\]"),
        ({"destinations": {"rwo": floats(2)}}, 'no output "rwo"; did you mean "row"'),
        ({"destinations": {"row": floats(3)}}, r'output "row" is float32\[2\]'),
        ({"outputs": ["tables"]}, 'no output "tables"; did you mean "table"'),
    ],
)
def test_arrays_that_do_not_fit_are_refused_when_compiling(arguments: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InterfaceError, match=said):
        ENGINE.compile(lookup_document(), {}, **arguments)


def test_a_destination_between_others_hides_no_overlap() -> None:
    """The second lies in a gap of the first, and the third in another one but for its last element."""
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    sizes = {"a": 5, "b": 1, "c": 2}
    for name, size in sizes.items():
        editor.add_output(Output(name=name, value=(x + editor.full((size,), 1.0, DType.FLOAT32)).id))
    memory = floats(10)
    destinations = {"a": memory[::2], "b": memory[1:2], "c": memory[3:5]}
    with pytest.raises(InterfaceError, match='outputs "a" and "c" overlap'):
        ENGINE.compile(editor.document(), {}, destinations=destinations)


def test_destinations_may_not_overlap_or_be_read_only() -> None:
    memory = floats(7)
    document = two_way_document(swapped=True)
    with pytest.raises(InterfaceError, match='outputs "a" and "b" overlap'):
        ENGINE.compile(document, {}, destinations={"a": memory[:4], "b": memory[3:]})
    memory.flags.writeable = False
    with pytest.raises(InterfaceError, match='output "a" is a read-only array'):
        ENGINE.compile(document, {}, destinations={"a": memory[:4]})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, r'input "index" is missing; int64\[\] is needed'),
        ({"index": np.array([1])}, r'input "index" is int64\[1\]; int64\[\] is needed'),
        ({"index": np.array(1, np.int32)}, r'input "index" is int32\[\]'),
    ],
)
def test_inputs_that_do_not_fit_are_refused_at_the_call(inputs: dict[str, Array], said: str) -> None:
    executable = ENGINE.compile(lookup_document(), {}, bound={"table": floats(3, 2)})
    with pytest.raises(InterfaceError, match=said):
        executable(inputs)


def test_a_plan_knows_its_memory_before_any_is_taken() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(symbol("n"), symbol("n"))))
    editor.add_output(Output(name="y", value=(x @ x).id))
    document, huge = editor.document(), 2**22
    plan = ENGINE.plan(document, {"n": huge})
    assert plan.peak_bytes >= 2 * huge * huge * 4
    assert plan.operations == 2 * huge**3
    with pytest.raises(MemoryLimitError, match="the limit is 1,000,000"):
        ENGINE.compile(document, {"n": huge}, memory_limit=1_000_000)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2**40, 2**22), r'node "full": float32\[.*\] takes [0-9,]* bytes'),
        ((2**30, 2**25), "more than this machine can provide"),
    ],
)
def test_a_value_that_no_memory_holds_is_refused(shape: tuple[int, ...], said: str) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    editor.add_output(Output(name="y", value=(editor.full(shape, 1.0, DType.FLOAT32) + x).id))
    with pytest.raises(MemoryLimitError, match=said):
        ENGINE.compile(editor.document(), {})


def on_repeated(dtype: str, shape: list[int], *nodes: dict[str, Any]) -> Document:
    """Ops on `large`, which is one number repeated to `shape`; the last one is the output."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": dtype, "shape": []}],
            "nodes": [{"id": "large", "op": "broadcast_to", "inputs": ["x"], "shape": shape}, *nodes],
            "outputs": [{"name": "y", "value": nodes[-1]["id"] if nodes else "large"}],
        }
    )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (on_repeated("float32", [2**44]), 'document "graph" takes 70,368,744,177,'),
        (on_repeated("float32", [2**44], {"id": "y", "op": "argmax", "inputs": ["large"]}), r'"y" \(argmax\) takes'),
        (on_repeated("bfloat16", [2**44], {"id": "y", "op": "sum", "inputs": ["large"]}), r'"y" \(sum\) takes'),
        (
            on_repeated(
                "float32",
                [1, 2**44],
                {"id": "turned", "op": "permute_dims", "inputs": ["large"], "axes": [1, 0]},
                {"id": "y", "op": "matmul", "inputs": ["large", "turned"]},
            ),
            r'"y" \(matmul\) takes',
        ),
    ],
)
def test_scratch_memory_and_the_answer_count(document: Document, said: str) -> None:
    with pytest.raises(MemoryLimitError, match=said):
        ENGINE.compile(document, {}, memory_limit=10**9)


def test_an_answer_that_no_memory_holds_is_refused_at_the_call() -> None:
    executable = ENGINE.compile(on_repeated("float32", [2**50]), {})
    with pytest.raises(MemoryLimitError, match="more memory than this machine can provide"):
        executable({"x": np.ones((), np.float32)})


def test_scratch_memory_within_the_limit_is_held_and_told() -> None:
    document = on_repeated("bfloat16", [2**18], {"id": "y", "op": "sum", "inputs": ["large"]})
    executable = ENGINE.compile(document, {}, memory_limit=2**21)
    assert executable({"x": np.ones((), np.float32).astype(numpy_dtype(DType.BFLOAT16))})["y"] == 2**18
    assert executable.held_bytes >= 2**20 + executable.plan.peak_bytes


def test_a_large_count_takes_the_memory_of_its_result_alone() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "nodes": [{"id": "y", "op": "iota", "dtype": "float32", "shape": [2, 1_500_000], "axis": -1}],
            "outputs": [{"name": "y", "value": "y"}],
        }
    )
    tracemalloc.start()
    try:
        executable = ENGINE.compile(document, {})
        results = executable({})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(results["y"], np.tile(np.arange(1_500_000), (2, 1)))
    assert peak < executable.plan.peak_bytes + results["y"].nbytes + 2**22


def test_many_instructions_over_large_arrays_take_few_steps_each() -> None:
    """Otherwise a short document would fill memory with steps: 256 for each instruction."""
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(2**22,)))
    value = x
    for _ in range(2000):
        value = Tanh.of(value)
    editor.add_output(Output(name="y", value=value.id))
    (stage,) = ENGINE.plan(editor.document(), {}).stages
    assert stage.shape == (2**22,)
    assert 2000 * -(-(2**22) // stage.block[0]) <= 2**16


def test_numbers_between_instructions_over_arrays_do_not_keep_them_apart() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(2**20,)))
    rate = editor.add_input(Input(id="rate", dtype=DType.FLOAT32, shape=()))
    half = Exp.of(x) * 0.5
    total = Sum.of(half)
    moved = half - Tanh.of(rate) * 2.0
    editor.add_output(Output(name="y", value=moved.id))
    editor.add_output(Output(name="z", value=(moved * total).id))
    stages = [stage for stage in ENGINE.plan(editor.document(), {}).stages if stage.shape is not None]
    # The total is a number, too, but follows from an array: what needs it is passed over for itself.
    assert [[item.op.name for item in stage.instructions] for stage in stages] == [
        ["exp", "multiply", "subtract"],
        ["multiply"],
    ]


def test_a_chain_of_any_length_runs_in_the_memory_of_one_value() -> None:
    """Each result takes over the memory of its operand."""
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(1000,)))
    value = x
    for _ in range(50):
        value = Tanh.of(value)
    editor.add_output(Output(name="y", value=value.id))
    assert ENGINE.plan(editor.document(), {}).arena_bytes == 4032


def test_a_step_allocates_nothing_that_stays() -> None:
    p, g = floats(200_000), floats(200_000, seed=1)
    v = np.zeros_like(p)
    executable = ENGINE.compile(
        momentum_document(200_000), {}, bound={"p": p, "v": v, "g": g}, destinations={"p": p, "v": v}
    )
    executable({})
    tracemalloc.start()
    try:
        for _ in range(20):
            executable({})
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 4096
    assert peak < 65_536, "a step works in memory that it has, not in arrays of its own"


def test_two_executables_run_in_two_threads() -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        size = 150_000
        p, v, g = floats(size, seed=seed), np.zeros(size, np.float32), floats(size, seed=seed + 10)
        expected_p, expected_v = p.copy(), v.copy()
        executable = ENGINE.compile(momentum_document(size), {}, bound={"p": p, "v": v}, destinations={"p": p, "v": v})
        for _ in range(50):
            executable({"g": g})
            expected_v = np.float32(0.9) * expected_v + g
            expected_p = expected_p - np.float32(0.1) * expected_v
        if not np.array_equal(p, expected_p):
            wrong.append(f"thread {seed}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
