"""What transforms say where they refuse: the name, the node, the path, and what would be right."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asg_autograd import DisconnectedError, grad, vjp
from asg_autograd.errors import show_path
from asg_schema import Document

SOURCE: dict[str, Any] = {
    "asg": 1,
    "inputs": [
        {"id": "x", "dtype": "float32", "shape": ["n", 4]},
        {"id": "held", "dtype": "float32", "shape": [4]},
        {"id": "stepped", "dtype": "float32", "shape": []},
        {"id": "picked", "dtype": "float32", "shape": [4]},
        {"id": "idle", "dtype": "float32", "shape": []},
        {"id": "measured", "dtype": "float32", "shape": ["n"]},
    ],
    "parameters": [{"id": "weight", "dtype": "float32", "shape": [4]}],
    "nodes": [
        {"id": "unused", "op": "exp", "inputs": ["idle"]},
        {"id": "doubled", "op": "add", "inputs": ["held", "held"]},
        {"id": "wall", "op": "stop_gradient", "inputs": ["doubled"]},
        {"id": "low", "op": "floor", "inputs": ["stepped"]},
        {"id": "best", "op": "argmax", "inputs": ["picked"], "axis": 0},
        {"id": "index", "op": "astype", "inputs": ["best"], "dtype": "float32"},
        {"id": "size", "op": "dim_size", "inputs": ["measured"], "axis": 0},
        {"id": "count", "op": "astype", "inputs": ["size"], "dtype": "float32"},
        {"id": "scaled", "op": "multiply", "inputs": ["x", "weight"]},
        {"id": "shifted", "op": "add", "inputs": ["scaled", "wall"]},
        {"id": "lower", "op": "add", "inputs": ["shifted", "low"]},
        {"id": "moved", "op": "add", "inputs": ["lower", "index"]},
        {"id": "divided", "op": "divide", "inputs": ["moved", "count"]},
        {"id": "loss", "op": "sum", "inputs": ["divided"]},
    ],
    "outputs": [{"name": "loss", "value": "loss"}, {"name": "moved", "value": "moved"}],
}
MODEL = Document.from_dict(SOURCE)
STOPS = "passes no derivative on, on the path"
BEHIND = "shifted -> lower -> moved -> divided -> loss"
REASONS = {
    "held": f'node "wall" (stop_gradient) {STOPS} held -> doubled -> wall -> {BEHIND}',
    "stepped": f'node "low" (floor) {STOPS} stepped -> low -> lower -> moved -> divided -> loss',
    "picked": f'node "best" (argmax) {STOPS} picked -> best -> index -> moved -> divided -> loss',
    "measured": f'node "size" (dim_size) {STOPS} measured -> size -> count -> divided -> loss',
    "idle": "nothing that is computed from it leads there",
}


@pytest.mark.parametrize("name", REASONS)
def test_what_is_disconnected_says_where(name: str) -> None:
    said = f'"{name}" {MODEL.types[name]}'
    with pytest.raises(DisconnectedError) as caught:
        grad(MODEL, wrt=[name], disconnected="error")
    assert str(caught.value) == f'output "loss" does not depend differentiably on {said}: {REASONS[name]}'
    with pytest.raises(DisconnectedError) as caught:
        vjp(MODEL, ["loss", "moved"], [name], disconnected="error")
    assert str(caught.value).startswith(
        f'none of the outputs "loss", "moved" depends differentiably on {said}: {REASONS[name].partition(" path ")[0]}'
    )


def test_a_long_path_is_cut_around_the_node() -> None:
    path = [f"n{index}" for index in range(1000)]
    assert show_path(path, "n500") == "n0 -> n1 -> … 497 more … -> n499 -> n500 -> n501 -> … 496 more … -> n998 -> n999"
    assert show_path(path, "n0") == "n0 -> n1 -> … 996 more … -> n998 -> n999"
    assert show_path(path[:9], "n4") == " -> ".join(path[:9])


def test_the_message_of_a_long_chain_is_short() -> None:
    nodes: list[dict[str, Any]] = [{"id": "n0", "op": "stop_gradient", "inputs": ["x"]}]
    nodes += [{"id": f"n{index}", "op": "sin", "inputs": [f"n{index - 1}"]} for index in range(1, 2000)]
    source: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": []}],
        "nodes": nodes,
        "outputs": [{"name": "loss", "value": "n1999"}],
    }
    with pytest.raises(DisconnectedError) as caught:
        grad(Document.from_dict(source), wrt=["x"], disconnected="error")
    assert str(caught.value).endswith("on the path x -> n0 -> n1 -> … 1,996 more … -> n1998 -> n1999")


Asg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def asg(tmp_path: Path) -> Asg:
    """The command, in a folder with the model as `model.json`."""
    (tmp_path / "model.json").write_text(MODEL.to_json(), encoding="utf-8")
    command = Path(sys.executable).with_name("asg")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lower", "model.json", "--op", "softmx"], 'ops: there is no op "softmx"; did you mean "softmax"?'),
        (["prune", "model.json", "--output", "los"], 'the document has no output "los"; did you mean "loss"?'),
        (["specialize", "model.json", "--symbol", "m=3"], 'the document has no symbol "m"; its symbols are n'),
        (
            ["rename", "model.json", "--from", "wieght", "--to", "w"],
            'nothing is called "wieght"; did you mean "weight"?',
        ),
        (
            ["merge", "model.json", "model.json", "--connect", "helt=loss"],
            'connect: the second document has no input "helt"; did you mean "held"?',
        ),
    ],
)
def test_commands_say_it_on_standard_error(arguments: list[str], message: str, asg: Asg) -> None:
    done = asg(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"asg: {message}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["specialize", "model.json"],
        ["specialize", "model.json", "--symbol", "n"],
        ["specialize", "model.json", "--symbol", "n=1", "--symbol", "n=2"],
        ["rename", "model.json", "--from", "x"],
        ["rename", "model.json", "--from", "x", "--to", "a", "--only", "nodes"],
        ["merge", "-", "-"],
        ["merge", "model.json", "model.json", "--connect", "x"],
        ["prune", "model.json", "--unused", "perhaps"],
    ],
)
def test_wrong_usage(arguments: list[str], asg: Asg) -> None:
    done = asg(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_commands_write_what_the_functions_give_and_pipe_through_gzip(asg: Asg) -> None:
    assert asg("lower", "model.json", "-o", "a.json.gz").returncode == 0
    assert asg("specialize", "a.json.gz", "--symbol", "n=3", "-o", "b.json.gz").returncode == 0
    assert (
        asg("rename", "b.json.gz", "--from", "weight", "--to", "w", "--only", "parameter", "-o", "c.json").returncode
        == 0
    )
    assert asg("prune", "c.json", "--output", "loss", "--unused", "keep", "-o", "d.json").returncode == 0
    merged = asg("merge", "d.json", "d.json", "--prefix", "b.", "--share", "w", "--share", "x")
    document = Document.from_json(merged.stdout)
    assert [item.id for item in document.parameters] == ["w"]
    assert [item.name for item in document.outputs] == ["loss", "b.loss"]
    assert str(document.types["x"]) == "float32[3, 4]"
