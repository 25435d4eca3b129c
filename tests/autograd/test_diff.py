"""What `diff` tells of two documents, and how the command says it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asg_autograd import diff, grad, rename
from asg_schema import Document

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", 4]}],
    "parameters": [{"id": "weight", "dtype": "float32", "shape": [4, 4]}],
    "nodes": [
        {"id": "product", "op": "matmul", "inputs": ["x", "weight"]},
        {"id": "scores", "op": "softmax", "inputs": ["product"]},
        {"id": "logs", "op": "log", "inputs": ["scores"]},
        {"id": "doubled", "op": "add", "inputs": ["logs", "x"]},
        {"id": "loss", "op": "mean", "inputs": ["doubled"]},
        {"id": "dead", "op": "exp", "inputs": ["x"]},
    ],
    "outputs": [{"name": "loss", "value": "loss"}, {"name": "product", "value": "product"}],
}
MODEL = Document.from_dict(SOURCE)


def with_nodes(**nodes: dict[str, Any]) -> dict[str, Any]:
    """The model with fields of nodes replaced."""
    return {**SOURCE, "nodes": [{**node, **nodes.get(node["id"], {})} for node in SOURCE["nodes"]]}


def changes(second: dict[str, Any] | Document, first: Document = MODEL) -> tuple[list[str], int]:
    """Each changed part as `-before` and `+after`, and the number of dependents."""
    document = second if isinstance(second, Document) else Document.from_dict(second)
    difference = diff(first, document)
    assert not difference.same
    assert difference.same == (first.digest == document.digest)
    parts = (*difference.inputs, *difference.parameters, *difference.nodes, *difference.outputs)
    lines = [
        line
        for part in parts
        for line in (
            [f"!{part.name}"]
            if part.before == part.after
            else [f"{sign}{text}" for sign, text in (("-", part.before), ("+", part.after)) if text is not None]
        )
    ]
    return lines, difference.dependents


def test_what_does_not_enter_the_meaning_makes_no_difference() -> None:
    renamed = rename(MODEL, {"": "n."}, only="node")
    source = renamed.to_dict()
    source["nodes"] = [node for node in source["nodes"] if node["id"] != "n.dead"]
    source |= {"name": "other", "metadata": {"a": 1}}
    difference = diff(MODEL, Document.from_dict(source))
    assert difference.same
    assert (difference.inputs, difference.parameters, difference.nodes, difference.outputs) == ((), (), (), ())
    assert difference.dependents == 0


def test_an_attribute() -> None:
    assert changes(with_nodes(scores={"axis": 0})) == (
        [
            "-scores = softmax(product)  : float32[n, 4]",
            "+scores = softmax(product, axis=0)  : float32[n, 4]",
            "!loss",
        ],
        3,
    )


def test_an_op_under_another_name() -> None:
    second = rename(Document.from_dict(with_nodes(logs={"op": "exp"})), {"": "n."}, only="node")
    assert changes(second) == (
        ["-logs = log(scores)  : float32[n, 4]", "+n.logs = exp(n.scores)  : float32[n, 4]", "!loss"],
        2,
    )


def test_operands_exchanged() -> None:
    assert changes(with_nodes(doubled={"inputs": ["x", "logs"]})) == (
        ["-doubled = add(logs, x)  : float32[n, 4]", "+doubled = add(x, logs)  : float32[n, 4]", "!loss"],
        1,
    )


def test_a_node_between() -> None:
    source = with_nodes(logs={"inputs": ["safe"]})
    source["nodes"].insert(2, {"id": "safe", "op": "relu", "inputs": ["scores"]})
    lines, dependents = changes(source)
    assert lines == [
        "+safe = relu(scores)  : float32[n, 4]",
        "-logs = log(scores)  : float32[n, 4]",
        "+logs = log(safe)  : float32[n, 4]",
        "!loss",
    ]
    assert dependents == 2
    back, _ = changes(MODEL, Document.from_dict(source))
    assert sorted(line[1:] for line in back) == sorted(line[1:] for line in lines)


def test_a_node_between_what_differs_itself_is_found_by_its_id() -> None:
    source = with_nodes(scores={"axis": 0}, logs={"inputs": ["safe"]})
    source["nodes"].insert(2, {"id": "safe", "op": "relu", "inputs": ["scores"]})
    lines, _ = changes(source)
    assert "+safe = relu(scores)  : float32[n, 4]" in lines
    assert "+scores = softmax(product, axis=0)  : float32[n, 4]" in lines
    assert len([line for line in lines if line[0] == "-"]) == 2


def test_the_interface() -> None:
    source: dict[str, Any] = {
        **SOURCE,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 4]}],
        "parameters": [
            {"id": "weight", "dtype": "float32", "shape": [4, 4], "init": {"kind": "ones"}, "trainable": False},
            {"id": "more", "dtype": "float32", "shape": []},
        ],
        "outputs": [
            {"name": "loss", "value": "loss", "role": {"kind": "metric"}},
            {"name": "scores", "value": "scores"},
        ],
    }
    assert changes(source) == (
        [
            "-x  float32[n, 4]",
            "+x  float32[batch, 4]",
            "-weight  float32[4, 4]  zeros",
            "+weight  float32[4, 4]  ones, not trainable",
            "+more  float32[]  zeros",
            "-loss = loss : float32[]",
            "+loss = loss : float32[] metric",
            "-product = product : float32[n, 4]",
            "+scores = scores : float32[batch, 4]",
        ],
        5,
    )


def test_outputs_that_only_one_has() -> None:
    lines, dependents = changes(grad(MODEL))
    assert dependents == 0
    assert all(line.startswith("+") for line in lines)
    assert lines[-1].startswith("+grad.weight = ")
    assert lines[-1].endswith("gradient of loss by weight")
    assert len(lines) == len(grad(MODEL).nodes) - len(MODEL.nodes) + 1


def test_which_result_of_a_node() -> None:
    source: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": [4]}],
        "nodes": [
            {"id": "best", "op": "top_k", "inputs": ["x"], "k": 2},
            {"id": "y", "op": "astype", "inputs": ["best"], "dtype": "int64"},
        ],
        "outputs": [{"name": "y", "value": "y"}],
    }
    other = {**source, "nodes": [source["nodes"][0], {**source["nodes"][1], "inputs": ["best:1"]}]}
    assert changes(other, Document.from_dict(source))[0][:2] == [
        "-y = astype(best, dtype=int64)  : int64[2]",
        "+y = astype(best:1, dtype=int64)  : int64[2]",
    ]


def asg(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("asg")
    return subprocess.run([command, *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    paths = tmp_path / "first.json", tmp_path / "second.json"
    paths[0].write_text(json.dumps(SOURCE))
    paths[1].write_text(json.dumps(with_nodes(scores={"axis": 0})))
    return str(paths[0]), str(paths[1])


def test_exit_statuses_are_those_of_diff(files: tuple[str, str]) -> None:
    same = asg("diff", files[0], "-", given=MODEL.to_json())
    assert (same.returncode, same.stdout) == (0, f"the same meaning, digest {MODEL.digest[:12]}\n")
    assert asg("diff", *files).returncode == 1
    absent = asg("diff", files[0], "absent.json")
    assert (absent.returncode, absent.stdout) == (2, "")
    assert absent.stderr == "asg: cannot read absent.json: No such file or directory\n"
    assert asg("diff", files[0], "-", given="{}").returncode == 2
    assert asg("diff", "-", "-").returncode == 2
    assert asg("validate", "absent.json").returncode == 1


def test_text_and_json(files: tuple[str, str]) -> None:
    first, second = files
    digest = Document.from_dict(with_nodes(scores={"axis": 0})).digest
    assert asg("diff", first, second).stdout.splitlines() == [
        f"--- {first}  (digest {MODEL.digest[:12]})",
        f"+++ {second}  (digest {digest[:12]})",
        "",
        "nodes",
        "- scores = softmax(product)  : float32[n, 4]",
        "+ scores = softmax(product, axis=0)  : float32[n, 4]",
        "  3 more differ only by operands that do",
        "",
        "outputs",
        "! loss = loss : float32[]",
    ]
    done = asg("diff", first, second, "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["same"] is False
    assert answer["digests"] == [MODEL.digest, digest]
    assert [change["name"] for change in answer["nodes"]] == ["scores"]
    assert answer["dependents"] == 3
    assert (answer["inputs"], answer["parameters"]) == ([], [])


def test_colours_on_a_terminal(files: tuple[str, str]) -> None:
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "40"}
    environment.pop("NO_COLOR", None)
    command = Path(sys.executable).with_name("asg")
    assert subprocess.run([command, "diff", *files], stdout=secondary, env=environment, check=False).returncode == 1
    os.close(secondary)
    output = os.read(primary, 65536).decode()
    os.close(primary)
    assert "\x1b[32m+ scores = softmax(product, axis=0)  : float32[n, 4]" in output
    assert "\x1b[31m- scores" in output
