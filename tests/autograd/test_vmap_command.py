"""`asg vmap` as a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from asg_autograd import grad, vmap
from asg_schema.document import Document

TEXT = """{"asg": 1,
 "inputs": [{"id": "x", "dtype": "float32", "shape": [3]}, {"id": "key", "dtype": "uint32", "shape": [2]}],
 "parameters": [{"id": "weight", "dtype": "float32", "shape": [3]}],
 "nodes": [
  {"id": "product", "op": "multiply", "inputs": ["x", "weight"]},
  {"id": "dropped", "op": "dropout", "inputs": ["product", "key"]},
  {"id": "total", "op": "sum", "inputs": ["dropped"]}],
 "outputs": [{"name": "product", "value": "product"}, {"name": "loss", "value": "total"}]}
"""
MODEL = Document.from_json(TEXT)


def asg(*arguments: str, given: str = TEXT) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("asg")
    return subprocess.run([command, *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)


def test_all_inputs_by_default() -> None:
    done = asg("vmap", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == vmap(MODEL).to_json()


def test_places_of_inputs_and_outputs_and_the_size(tmp_path: Path) -> None:
    places = ("--axis", "x=-1", "--axis", "weight=1", "--axis", "key=split", "--out-axis", "product=1")
    done = asg("vmap", "-", *places, "--size", "4", "-o", str(tmp_path / "mapped.json"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    expected = vmap(MODEL, {"x": -1, "weight": 1, "key": "split"}, size=4, out_axes={"product": 1})
    assert (tmp_path / "mapped.json").read_text() == expected.to_json()
    shared = asg("vmap", "-", "--axis", "x=0", "--axis", "key=none", "--size", "points")
    assert shared.stdout == vmap(MODEL, {"x": 0, "key": None}, size="points").to_json()


def test_gradients_of_each_example_through_a_pipe() -> None:
    gradient = asg("grad", "-").stdout
    assert asg("vmap", "-", "--axis", "x=0", given=gradient).stdout == vmap(grad(MODEL), {"x": 0}).to_json()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--axis", "weigh=0"],
            'asg: in_axes: "weigh" is not the name of an input or a parameter; did you mean "weight"?\n',
        ),
        (["--axis", "x=front"], "asg: --axis x=front: a number is needed for the place, or none or split\n"),
        (["--axis", "x=0", "--size", "0"], "asg: size is 0; at least 1 is needed\n"),
    ],
)
def test_what_is_wrong_is_said_on_standard_error(arguments: list[str], message: str) -> None:
    done = asg("vmap", "-", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.parametrize("arguments", [["--axis", "x"], ["--axis", "x=0", "--axis", "x=1"], ["--nonsense"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert asg("vmap", "-", *arguments).returncode == 2
