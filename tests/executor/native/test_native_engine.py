"""The native engine: how it fuses, where it keeps what, and that it computes what the NumPy engine computes."""

import gc
from collections.abc import Callable, Sequence

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_executor import Session
from asg_executor.engines.native.fused.grouping import Role
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.plan import Fused, NativePlan
from asg_executor.errors import MemoryLimitError
from asg_executor.optimizers.adam import Adam
from asg_executor.optimizers.rule import VECTOR
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.elementwise import Add
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.layout import BroadcastTo
from asg_schema.ops.reduction import Sum

RNG = np.random.default_rng(0)


def document_of(build: Callable[[Value], Value], shape: tuple[int, ...]) -> Document:
    """A document with the input `x` and the output `y`."""
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=shape))
    editor.add_output(Output(name="y", value=build(x).id))
    return editor.document()


def fused(document: Document) -> list[Fused]:
    plan = NativeEngine().plan(document, {})
    assert isinstance(plan, NativePlan)
    return [work for work in plan.works if isinstance(work, Fused)]


def test_a_softmax_is_one_kernel_that_stores_its_result_alone() -> None:
    with asg.graph("softmax") as g:
        g.output(y=asg.softmax(asg.input("x", (64, 128))))
    plan = NativeEngine().plan(g.document(), {})
    (kernel,) = fused(g.document())
    assert sorted(role.value for role in kernel.group.roles.values()) == [
        "element",
        "element",
        "element",
        "unit",
        "unit",
    ]
    assert plan.arena_bytes <= 2 * 64 * 128 * 4


def test_the_sum_of_a_large_array_is_divided_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.engines.native.native_engine.default_threads", lambda: 3)
    document = document_of(lambda x: Sum.of(Exp.of(x)), (512, 1000))
    (kernel,) = fused(document)
    assert kernel.parts == 3
    assert [kernel.group.roles[total] for total in kernel.totals] == [Role.TOTAL]
    x = RNG.standard_normal((512, 1000), np.float32)
    y = NativeEngine().compile(document, {})({"x": x})["y"]
    np.testing.assert_allclose(y, np.exp(x.astype(np.float64)).sum(), rtol=1e-6)


def test_an_optimizer_passes_over_the_arena_once() -> None:
    document = Adam().update_document(DType.FLOAT32, [VECTOR])
    types = {item.id: item.type for item in document.inputs}
    arrays = {name: np.zeros([9000] * len(type.shape), numpy_dtype(type.dtype)) for name, type in types.items()}
    written = {output.name: arrays[output.name] for output in document.outputs}
    symbols = bind_symbols(types, arrays)
    plan = NativeEngine().plan(document, symbols, bound=arrays, destinations=written)
    numbers, vectors = [
        {str(plan.program.types[item.results[0]]) for item in stage.instructions} for stage in plan.stages
    ]
    assert numbers == {"float32[]", "float64[]"}
    assert vectors == {"float32[9000]"}


def test_what_is_read_between_two_groups_keeps_them_apart() -> None:
    # The product reads the first array, and the last one reads both.
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(80, 80)))
    first = Exp.of(x)
    last = Exp.of(first @ x) + first
    editor.add_output(Output(name="y", value=last.id))
    plan = NativeEngine().plan(editor.document(), {})
    assert [[item.op.name for item in stage.instructions] for stage in plan.stages] == [
        ["exp"],
        ["matmul"],
        ["exp", "add"],
    ]


@pytest.mark.parametrize("axis", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(6, 500, 40), (1, 3000, 30), (3000, 1, 30), (70, 70, 1)])
def test_reductions_of_large_arrays_over_any_axes(shape: tuple[int, int, int], axis: tuple[int, ...]) -> None:
    x = RNG.standard_normal(shape, np.float32)
    executable = NativeEngine().compile(document_of(lambda x: Sum.of(Exp.of(x), axis=axis), shape), {})
    expected = np.exp(x.astype(np.float64)).sum(axis)
    np.testing.assert_allclose(executable({"x": x})["y"], expected, rtol=2e-6)


def test_sums_over_what_is_broadcast_along_the_kept_axes() -> None:
    editor = Editor()
    column: Value = editor.add_input(Input(id="column", dtype=DType.FLOAT32, shape=(600, 1)))
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(600, 70)))
    wide = Add.of(column, x)
    repeated = Sum.of(BroadcastTo.of(column, shape=(600, 70)), axis=(0,))
    editor.add_output(Output(name="wide", value=Sum.of(wide, axis=(0,)).id))
    editor.add_output(Output(name="repeated", value=repeated.id))
    given = {"column": RNG.standard_normal((600, 1), np.float32), "x": RNG.standard_normal((600, 70), np.float32)}
    results = NativeEngine().compile(editor.document(), {})(given)
    np.testing.assert_allclose(results["wide"], (given["column"] + given["x"]).sum(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(results["repeated"], np.full(70, given["column"].sum()), rtol=1e-4, atol=1e-4)


def test_an_executable_that_is_bound_to_arrays_alone_keeps_its_memory() -> None:
    document = document_of(lambda x: Sum.of(Exp.of(Sum.of(Exp.of(x), axis=(1,)))), (300, 300))
    x, y = np.full((300, 300), -10, np.float32), np.zeros((), np.float32)
    executable = NativeEngine().compile(document, {}, bound={"x": x}, destinations={"y": y})
    gc.collect()
    taken = [np.full(10_000, np.nan, np.float32) for _ in range(50)]
    executable({})
    assert all(np.isnan(array).all() for array in taken)
    np.testing.assert_allclose(y, 300 * np.exp(300 * np.exp(-10)), rtol=1e-5)


def test_what_a_later_pass_reads_is_not_overwritten_before() -> None:
    # The output may take the memory of x, which each of the three passes over a row reads.
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(50, 40)))
    total = Sum.of(x, axis=(1,), keepdims=True)
    once = x - total
    again = once - Sum.of(once * x, axis=(1,), keepdims=True)
    editor.add_output(Output(name="y", value=(again * x).id))
    document = editor.document()
    given = RNG.standard_normal((50, 40), np.float32)
    bound = given.copy()
    executable = NativeEngine().compile(document, {}, bound={"x": bound}, destinations={"y": bound})
    executable({})
    once_ = given - given.sum(1, keepdims=True)
    np.testing.assert_allclose(bound, (once_ - (once_ * given).sum(1, keepdims=True)) * given, rtol=1e-3, atol=1e-3)


def test_the_rows_that_a_kernel_keeps_between_passes_count_as_memory() -> None:
    # A row of 1,000,000 exponentials is kept while it is added up.
    with asg.graph("softmax") as g:
        g.output(y=asg.softmax(asg.input("x", (2, 1_000_000)), axis=-1))
    plan = NativeEngine().plan(g.document(), {})
    needed = plan.peak_bytes + plan.answer_bytes
    with pytest.raises(MemoryLimitError, match="limit"):
        NativeEngine().compile(g.document(), {}, memory_limit=needed + 3_000_000)
    held = NativeEngine().compile(g.document(), {}, memory_limit=needed + 10_000_000).held_bytes
    assert held >= plan.peak_bytes + 4_000_000


def perceptron() -> tuple[Document, dict[str, Array]]:
    with asg.graph("perceptron") as g:
        x, labels = asg.input("x", ("batch", 20)), asg.input("labels", ("batch",), dtype="int64")
        y = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.BatchNorm1d(50), nn.Linear(50, 10))(x)
        g.output(loss=losses.cross_entropy(y, labels))
    batch = {"x": RNG.standard_normal((32, 20), np.float32), "labels": RNG.integers(0, 10, 32)}
    return g.document(), batch


def transformer() -> tuple[Document, dict[str, Array]]:
    with asg.graph("transformer") as g:
        x, target = asg.input("x", ("batch", "sequence", 32)), asg.input("target", ("batch", "sequence", 32))
        y = nn.TransformerBlock(32, 4, 64, causal=True, dropout=0.1)(x)
        g.output(loss=losses.mse(y, target))
    return g.document(), {name: RNG.standard_normal((4, 12, 32), np.float32) for name in ("x", "target")}


def convolutional() -> tuple[Document, dict[str, Array]]:
    with asg.graph("convolutional") as g:
        x, labels = asg.input("x", ("batch", 1, 12, 12)), asg.input("labels", ("batch",), dtype="int64")
        layers = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 36, 10)
        g.output(loss=losses.cross_entropy(nn.Sequential(*layers)(x), labels))
    batch = {"x": RNG.standard_normal((16, 1, 12, 12), np.float32), "labels": RNG.integers(0, 10, 16)}
    return g.document(), batch


@pytest.mark.parametrize("model", [perceptron, transformer, convolutional], ids=lambda model: model.__name__)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_trajectory_is_that_of_the_numpy_engine(
    model: Callable[[], tuple[Document, dict[str, Array]]], optimizer: str
) -> None:
    document, batch = model()
    gradient = grad(document, of="loss")
    settings = {"kind": optimizer, "learning_rate": 1e-2, "clip_global_norm": 1.0}
    sessions = [
        Session({"train": gradient}, optimizer=settings, seed=0, engine=engine) for engine in ("numpy", "native")
    ]
    trajectories: Sequence[list[float]] = [[float(s.step(batch)["loss"]) for _ in range(20)] for s in sessions]
    np.testing.assert_allclose(trajectories[1], trajectories[0], rtol=2e-4)
    assert trajectories[1][-1] < trajectories[1][0]


def test_a_step_is_the_same_every_time() -> None:
    document, batch = transformer()
    gradient = grad(document, of="loss")
    weights: list[dict[str, Array]] = []
    for _ in range(2):
        session = Session({"train": gradient}, optimizer={"kind": "adam"}, seed=0, engine="native")
        for _ in range(10):
            session.step(batch)
        weights.append(session.parameters())
    for name, array in weights[0].items():
        assert array.tobytes() == weights[1][name].tobytes(), name
