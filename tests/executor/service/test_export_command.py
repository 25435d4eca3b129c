"""`asg export`: a document's weights, initial or given ones, as a file of PyTorch's kind."""

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import safetensors.numpy

from asg_executor import Session
from asg_executor.safetensors_bytes import read_safetensors
from asg_schema import Document
from executor_harness.command import Finished, asg

MODEL: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", 3]}],
    "parameters": [
        {"id": "net.weight", "dtype": "float32", "shape": [2, 3], "init": {"kind": "xavier_uniform"}},
        {"id": "net.bias", "dtype": "bfloat16", "shape": [2], "init": {"kind": "ones"}},
        {"id": "scale", "dtype": "float64", "shape": [], "init": {"kind": "constant", "value": 0.5}},
        {"id": "net.count", "dtype": "int64", "shape": [], "trainable": False},
    ],
    "outputs": [{"name": "x", "value": "x"}],
}


class Export(Protocol):
    """Runs `asg export` in the folder."""

    def __call__(self, *options: str, text: str = "") -> Finished: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    (tmp_path / "empty.json").write_text(json.dumps(MODEL | {"parameters": []}))
    state = {"weight": np.arange(6.0).reshape(2, 3), "bias": np.zeros(2), "count": np.array(7)}
    (tmp_path / "state.safetensors").write_bytes(safetensors.numpy.save(state))
    return tmp_path


@pytest.fixture
def export(folder: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    def run(*options: str, text: str = "") -> Finished:
        return asg(capsys, folder, "export", *options, text=text)

    return run


def written(folder: Path) -> dict[str, Any]:
    weights, metadata = read_safetensors((folder / "w.safetensors").read_bytes())
    assert metadata == {"format": "pt"}
    return weights


def test_initial_weights_are_those_of_a_session(export: Export, folder: Path) -> None:
    found = export("-", "-o", "w.safetensors", "--seed", "3", text=json.dumps(MODEL))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    expected = Session({"predict": Document.from_json(json.dumps(MODEL))}, seed=3).parameters()
    weights = written(folder)
    assert set(weights) == set(expected)
    for name, value in expected.items():
        assert weights[name].dtype == value.dtype
        np.testing.assert_array_equal(weights[name], value)


def test_given_weights_in_the_documents_dtypes_under_a_modules_names(export: Export, folder: Path) -> None:
    given = ("--parameters", "state.safetensors", "--prefix", "net.")
    missing = export("model.json", "-o", "w.safetensors", *given)
    assert missing.returncode == 1
    assert 'the parameter "scale" float64[] is missing' in missing.stderr
    assert not (folder / "w.safetensors").exists()
    assert export("model.json", "-o", "w.safetensors", *given, "--seed", "0", "--strip", "net.").returncode == 0
    weights = written(folder)
    assert {name: str(value.dtype) for name, value in weights.items()} == {
        "weight": "float32",
        "bias": "bfloat16",
        "count": "int64",
    }
    np.testing.assert_array_equal(weights["weight"], np.arange(6).reshape(2, 3))
    assert weights["count"] == 7


def test_what_was_exported_is_read_again(export: Export, folder: Path) -> None:
    assert export("model.json", "-o", "w.safetensors", "--seed", "5").returncode == 0
    first = (folder / "w.safetensors").read_bytes()
    again = export("model.json", "-o", "again.safetensors", "--parameters", "w.safetensors")
    assert (again.returncode, again.stderr) == (0, "")
    assert (folder / "again.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["model.json"], 'these parameters have no value: "net.weight", "net.bias", "scale", "net.count"; give a file'),
        (["empty.json", "--seed", "0"], 'the document "model" has no parameters'),
        (["none.json", "--seed", "0"], "none.json"),
        (["model.json", "--seed", "-1"], "not -1"),
        (
            ["model.json", "--seed", "0", "--strip", "encoder."],
            'begins with "encoder."; there are net.weight, net.bias',
        ),
        (["model.json", "--seed", "0", "-o", "w.pt"], '--output "w.pt": a .safetensors file is needed'),
        (["model.json", "--seed", "0", "-o", "none/w.safetensors"], "w.safetensors: No such file or directory"),
        (["model.json", "--parameters", "none.safetensors"], "none.safetensors"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_a_line(export: Export, options: list[str], message: str) -> None:
    found = export("-o", "w.safetensors", *options)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("asg: ")
    assert message in found.stderr
    assert "Traceback" not in found.stderr
