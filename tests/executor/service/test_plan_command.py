"""`asg plan`, and `asg describe --engine`: stages, kernels and memory, and readable errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from executor_harness.command import Finished, asg

DOCUMENT: dict[str, Any] = {
    "asg": 1,
    "name": "embedding",
    "inputs": [{"id": "tokens", "dtype": "int64", "shape": ["batch"]}],
    "parameters": [{"id": "table", "dtype": "float32", "shape": [100, 16]}],
    "nodes": [
        {"id": "rows", "op": "take", "inputs": ["table", "tokens"], "axis": 0},
        {"id": "p", "op": "softmax", "inputs": ["rows"], "axis": -1},
        {"id": "gram", "op": "matmul", "inputs": ["p_turned", "p"]},
        {"id": "factor", "op": "cholesky", "inputs": ["gram"]},
    ],
    "outputs": [{"name": "factor", "value": "factor"}],
}
DOCUMENT["nodes"].insert(2, {"id": "p_turned", "op": "permute_dims", "inputs": ["p"], "axes": [1, 0]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "embedding.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Finished:
    return asg(capsys, folder, *arguments, text="")


def test_the_native_engine_tells_what_runs_together_and_what_runs_with_numpy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("llvmlite")
    found = run(capsys, folder, "plan", "embedding.json", "--engine", "native", "--symbol", "batch=64")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("embedding  (engine native)\n\nplan\n")
    sections = dict(section.split("\n", 1) for section in found.stdout.strip().split("\n\n")[1:])
    stages = [line.split()[1] for line in sections["stages"].splitlines()[1:]]
    assert stages == ["native", "fused", "native", "numpy"]
    assert sections["without a native kernel"].split()[3:] == ["factor", "cholesky", "float32[16,", "16]"]


def test_the_same_as_json_by_either_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("embedding.json", "--engine", "numpy", "--symbol", "batch=64", "--json")
    found = run(capsys, folder, "plan", *options)
    plan = json.loads(found.stdout)
    assert plan["engine"] == "numpy"
    assert {stage["kernel"] for stage in plan["stages"]} == {"numpy"}
    assert plan["stages"][0]["nodes"] == ["rows"]
    memory = plan["memory"]
    rows, tokens = 64 * 16 * 4, 64 * 8
    assert memory["live_bytes"] >= rows + tokens
    assert memory["live_bytes"] <= memory["arena_bytes"] <= memory["peak_bytes"]
    assert run(capsys, folder, "describe", *options).stdout == found.stdout


def test_figures_of_the_document_with_the_memory_of_the_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("embedding.json", "--stats", "--engine", "numpy", "--symbol", "batch=64")
    found = run(capsys, folder, "describe", *options)
    assert (found.returncode, found.stderr) == (0, "")
    names = [section.split("\n", 1)[0] for section in found.stdout.strip().split("\n\n")[1:]]
    assert names[0] == "totals"
    assert names[-1] == "plan"
    assert "alive at one time" in found.stdout
    as_json = json.loads(run(capsys, folder, "plan", *options, "--json").stdout)
    memory = as_json["plan"]["memory"]
    assert memory["live_bytes"] <= memory["arena_bytes"] <= memory["peak_bytes"]
    assert "stages" not in as_json


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--engine", "nativ"), 'there is no engine "nativ"'),
        ((), 'the symbol "batch" has no size; --symbol batch=32 gives it one'),
        (
            ("--symbol", "bach=3", "--symbol", "batch=2"),
            "--symbol bach: the inputs have no such symbol; they have batch",
        ),
    ],
)
def test_what_is_wrong_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    symbols = () if "--symbol" in options or not options else ("--symbol", "batch=2")
    found = run(capsys, folder, "plan", "embedding.json", *options, *symbols)
    assert found.returncode == 1
    assert said in found.stderr
