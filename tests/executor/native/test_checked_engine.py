"""The engine `native-checked` computes what `native` does, and fails where a kernel accesses what it may not."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asg_executor.engines.lookup import engine_named, engine_names, offered_engine
from asg_executor.engines.native import plan, sections
from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine
from asg_executor.engines.native.fused.assembly import Assembled, assemble
from asg_executor.engines.native.fused.grouping import Group
from asg_executor.engines.native.kernel_table import Argument, NativeKernel
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import AccessConflictError, IndexOutOfRangeError, OutOfBoundsError, UnknownEngineError
from asg_schema.document import Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take
from asg_schema.ops.layout import DynamicUpdateSlice, Flip
from asg_schema.ops.reduction import CumulativeSum
from benchmarks.asg_steps import LocalSteps, first_weights
from benchmarks.workloads import BlockSize, CnnSize, MlpSize, Workload
from executor.native.sample_groups import (
    GROUPS,
    SAMPLES,
    SINGLE_PRECISION,
    check_as_they_are,
    check_turned,
    computed,
    divide_all,
)
from executor.native.single_ops import Application, numbers
from executor.native.wrong_kernels import Reaching
from op_samples.sample import Sample

CHECKED = CheckedNativeEngine()
_TOTALS = Application(CumulativeSum, (numbers(50),), {"axis": 0})


def compute_wrongly(monkeypatch: pytest.MonkeyPatch, op: type[Op], *specs: Reaching, parts: int = 1) -> None:
    """From now on have wrong kernels for an op."""
    kernels = [NativeKernel(spec, (Argument(0), Argument(1)), parts) for spec in specs]

    def rule(*_: object) -> list[NativeKernel]:
        return kernels

    monkeypatch.setattr(plan, "NATIVE_KERNELS", {op: rule})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Reaching("load", 1, 50), r'reads 4 bytes at \w+, 0 bytes behind the end of the memory of "x0", of 200 bytes'),
        (Reaching("store", 1, 50), r'writes 4 bytes at \w+, 0 bytes behind the end of the memory of "result", of 200'),
        (Reaching("store to an operand"), 'in the memory of "x0", which it may only read'),
        (Reaching("scratch", 16, 1, 64), "0 bytes behind the end of its scratch memory, of 64 bytes"),
    ],
    ids=lambda value: value.kind if isinstance(value, Reaching) else "",
)
def test_a_wrong_kernel_is_told(spec: Reaching, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, spec)
    with pytest.raises(OutOfBoundsError, match=message) as caught:
        _TOTALS.run(CHECKED)
    assert 'a native kernel of node "result" (cumulative_sum)' in str(caught.value)
    assert repr(spec) in str(caught.value)


def test_a_lane_that_is_out_of_range_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("scatter", 3))
    small = Application(CumulativeSum, (numbers(2),), {"axis": 0})
    with pytest.raises(
        OutOfBoundsError, match=r'writes 4 bytes at \w+, 0 bytes behind the end of the memory of "result"'
    ):
        small.run(CHECKED)


def test_what_no_kernel_writes_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("load", 0, 49))
    found = _TOTALS.run(CHECKED)
    np.testing.assert_array_equal(found[:49], _TOTALS.operands[0][:49])
    assert np.isnan(found[49])


def test_kernels_of_one_stage_do_not_undo_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("load", 0, 50), Reaching("nothing"))
    np.testing.assert_array_equal(_TOTALS.run(CHECKED), _TOTALS.operands[0])


def always(*_: object) -> bool:
    return True


def test_parts_in_each_others_way_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("store to one", 2, 50), parts=3)
    with pytest.raises(AccessConflictError, match=r'the bytes from 8 to 11 of the memory of "result"') as caught:
        _TOTALS.run(CHECKED)
    assert 'parts of a native kernel of node "result" (cumulative_sum) that may run at the same' in str(caught.value)


def test_kernels_of_a_stage_in_each_others_way_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("load", 0, 50), Reaching("load", 0, 20))
    with pytest.raises(
        AccessConflictError,
        match="part 0 of kernel 1 of 2 writes, and part 0 of kernel 2 of 2 writes, the bytes from 0 to 79 of",
    ):
        _TOTALS.run(CHECKED)


def test_a_wrong_claim_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("claimed", 1, 40))
    with pytest.raises(
        AccessConflictError, match=r'"promising" in a native kernel of node "result" \(cumulative_sum\) wr'
    ):
        _TOTALS.run(CHECKED)


def test_a_result_in_the_place_of_what_other_parts_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that takes an operand in reverse order for one that is read element for element."""
    editor = Editor()
    x = computed(editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(60,))))
    (result,) = editor.emit(Exp, [Flip.of(x, axis=(0,))], {}, id="result")
    editor.add_output(Output(name="y", value=computed(result).id))
    divide_all(monkeypatch, 3)
    given = numbers(60)
    found = CHECKED.compile(editor.document(), {})({"x": given})["y"]
    np.testing.assert_allclose(found, np.exp(given[::-1]), rtol=1e-6)
    monkeypatch.setattr(Group, "reads_alike", always)
    with pytest.raises(
        AccessConflictError,
        match=r'node "result" \(exp\) .*: part 0 writes, and part 2 reads, the bytes from 0 to 79 of',
    ):
        CHECKED.compile(editor.document(), {})({"x": given})


@pytest.mark.parametrize("parts", [2, 7])
def test_every_part_is_checked(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_wrongly(monkeypatch, CumulativeSum, Reaching("load", 1, 50), parts=parts)
    with pytest.raises(OutOfBoundsError, match=f"It is part {parts - 1} of the call"):
        _TOTALS.run(CHECKED)


def test_fused_kernels_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has a unit more than its arrays have elements."""

    def lengthened(*arguments: Any) -> Assembled:
        spec, addresses = assemble(*arguments)
        (units,) = spec.unit_shape
        return Assembled(replace(spec, unit_shape=(units + 1,)), addresses)

    monkeypatch.setattr(sections, "assemble", lengthened)
    with pytest.raises(OutOfBoundsError, match=r'node "result" \(exp\) reads 4 bytes .*, 0 bytes behind the end of'):
        Application(Exp, (numbers(64),)).run(CHECKED)


def test_state_that_is_updated_in_place_is_not_poisoned() -> None:
    editor = Editor()
    cache = editor.add_input(Input(id="cache", dtype=DType.FLOAT32, shape=(2, 50, 8)))
    row = editor.add_input(Input(id="row", dtype=DType.FLOAT32, shape=(2, 1, 8)))
    start = editor.add_input(Input(id="start", dtype=DType.INT64, shape=(3,)))
    editor.add_output(Output(name="cache", value=DynamicUpdateSlice.of(cache, row, start).id))
    held = {"cache": numbers(2, 50, 8)}
    executable = CHECKED.compile(editor.document(), {}, bound=held, destinations=held)
    expected, given = held["cache"].copy(), numbers(2, 1, 8)
    executable({"row": given, "start": np.array([0, 31, 0])})
    expected[:, 31:32] = given
    np.testing.assert_array_equal(held["cache"], expected)


def test_a_bad_index_is_the_error_that_it_is_elsewhere() -> None:
    wrong = Application(Take, (numbers(5, 3), np.array([1, 7])), {"axis": 0})
    with pytest.raises(IndexOutOfRangeError, match="7"):
        wrong.run(CHECKED)


def test_pieces_are_timed_one_by_one() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(40,)))
    total = CumulativeSum.of(x, axis=0)
    editor.add_output(Output(name="y", value=CumulativeSum.of(total, axis=0).id))
    executable = CHECKED.compile(editor.document(), {})
    pieces: list[int] = []
    executable.record_times(lambda instructions, _: pieces.append(len(instructions)))
    given = numbers(40)
    np.testing.assert_allclose(executable({"x": given})["y"], given.cumsum().cumsum(), rtol=1e-4, atol=1e-4)
    assert pieces == [1, 1]


def test_several_threads_share_kernels() -> None:
    """The code of a kernel has one place for where its bounds are; so one call at a time has it."""
    application = Application(CumulativeSum, (numbers(300, 400),), {"axis": 1})
    expected = application.run(NumpyEngine())

    def run_often(_: int) -> None:
        executable = CHECKED.compile(application.document(), {})
        for _ in range(20):
            np.testing.assert_array_equal(executable(application.inputs)["y"], expected)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run_often, range(3)))


def test_it_is_there_for_who_asks_and_offered_to_nobody() -> None:
    assert isinstance(engine_named("native-checked"), CheckedNativeEngine)
    assert engine_names() == ("native", "numpy")
    assert engine_named("auto").name == offered_engine("auto").name == "native"
    with pytest.raises(UnknownEngineError, match='no engine "native-checked"; known are "auto", "native", "numpy"'):
        offered_engine("native-checked")


# `make bounds` has all, in several parts.
@pytest.mark.parametrize("samples", GROUPS[5::50], ids=lambda samples: f"from {samples[0].id}")
def test_samples_stay_inside(samples: Sequence[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    divide_all(monkeypatch, 3)
    check_as_they_are(CHECKED, samples)


@pytest.mark.parametrize("samples", SINGLE_PRECISION[7::30], ids=lambda samples: f"from {samples[0].id}")
def test_samples_with_turned_axes_stay_inside(samples: Sequence[Sample]) -> None:
    check_turned(CHECKED, samples)


def test_sums_of_16_bits_in_place_reach_their_memory_through_one_pointer() -> None:
    """The kernel reads the array and writes the result, which are the same memory; of both it says `noalias`."""
    samples = [sample for sample in SAMPLES if sample.op in (IndexAdd, ScatterAddAlongAxis)]
    halves = [sample for sample in samples if sample.operands[0].dtype == np.float16]
    assert len(halves) > 3
    check_as_they_are(CHECKED, halves)


_SGD = {"kind": "sgd", "learning_rate": 0.1}
_ADAM = {"kind": "adam", "learning_rate": 1e-3}
WORKLOADS = {
    "block": (BlockSize(batch=3, sequence=17, embed_dim=20, num_heads=2, ff_dim=33), _SGD),
    "MLP": (MlpSize(batch=9, widths=(31, 50, 17, 10)), _ADAM),
    "CNN": (CnnSize(batch=3, image=12, channels=(1, 5, 7), hidden=19, classes=10), _ADAM),
}


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("name", WORKLOADS)
def test_training_steps_stay_inside(name: str, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    divide_all(monkeypatch, parts)
    model, optimizer = WORKLOADS[name]
    workload = Workload(name, name, model, optimizer)
    weights = first_weights(workload)
    every = [LocalSteps(workload, weights, engine) for engine in ("native-checked", "numpy")]
    losses = [[float(steps.step()) for _ in range(2)] for steps in every]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
