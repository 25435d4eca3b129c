from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter_ns

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.engines.engine import TimeRecorder
from asg_executor.engines.lookup import engine_named, engine_names
from asg_executor.plan.program import Instruction
from asg_schema.document import Document

NODES = [
    {"id": "product", "op": "matmul", "inputs": ["x", "weight"]},
    {"id": "positive", "op": "relu", "inputs": ["product"]},
    {"id": "result", "op": "tanh", "inputs": ["positive"]},
    {"id": "loss", "op": "mean", "inputs": ["result"], "axis": [0, 1]},
]
DOCUMENT = Document.from_dict(
    {
        "asg": 1,
        "name": "layer",
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 256]}],
        "parameters": [{"id": "weight", "dtype": "float32", "shape": [256, 512], "init": {"kind": "ones"}}],
        "nodes": NODES,
        "outputs": [{"name": "result", "value": "result"}, {"name": "loss", "value": "loss"}],
    }
)
X = np.random.default_rng(0).standard_normal((1024, 256)).astype(np.float32) / 256
WEIGHT = np.ones((256, 512), np.float32)

Recorded = list[tuple[Sequence[Instruction], int]]


def recorder(recorded: Recorded) -> TimeRecorder:
    return lambda instructions, nanoseconds: recorded.append((instructions, nanoseconds))


@pytest.mark.parametrize("engine", engine_names())
def test_a_call_tells_how_long_each_piece_took_and_computes_the_same(engine: str) -> None:
    executable = engine_named(engine).compile(DOCUMENT, {"batch": len(X)})
    arrays = {"x": X, "weight": WEIGHT}
    expected = executable(arrays)
    recorded: Recorded = []
    executable.record_times(recorder(recorded))
    begin = perf_counter_ns()
    got = executable(arrays)
    took = perf_counter_ns() - begin
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)
    assert 0 < sum(nanoseconds for _, nanoseconds in recorded) <= took
    origins = [item.origin.id for instructions, _ in recorded for item in instructions]
    assert {"product", "result", "loss"} <= set(origins)
    pieces = len(recorded)
    executable(arrays)
    assert len(recorded) == 2 * pieces, "it tells of each call"


def test_each_tile_is_told_of_with_the_instruction_that_computes_it() -> None:
    executable = engine_named("numpy").compile(DOCUMENT, {"batch": len(X)})
    recorded: Recorded = []
    executable.record_times(recorder(recorded))
    executable({"x": X, "weight": WEIGHT})
    ops = [instructions[0].op.name for instructions, _ in recorded]
    assert ops.count("matmul") == 1
    assert ops.count("tanh") > 1, "2 MB are computed tile by tile"
    tiles = [(first, second) for first, second in pairwise(ops) if second == "tanh"]
    assert tiles == [("where", "tanh")] * ops.count("tanh"), "each tile goes through both ops"
    assert len(recorded) == sum(map(len, getattr(executable, "sections", ())))


@pytest.mark.parametrize("engine", engine_names())
def test_a_session_has_what_it_compiled(engine: str) -> None:
    session = Session({"predict": DOCUMENT}, engine=engine)
    assert list(session.executables()) == []
    session.run("predict", {"x": X}, outputs=["loss"])
    session.run("predict", {"x": X}, outputs=["result"])
    assert [graph for graph, _ in session.executables()] == ["predict", "predict"]
    recorded: Recorded = []
    for _, executable in session.executables():
        executable.record_times(recorder(recorded))
    session.run("predict", {"x": X}, outputs=["loss"])
    assert {item.origin.id for instructions, _ in recorded for item in instructions} >= {"product", "loss"}
