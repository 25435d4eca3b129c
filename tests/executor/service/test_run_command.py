"""`asg run`: files and JSON in, text or files out, and readable errors."""

import json
from pathlib import Path
from typing import Any, Protocol

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from executor_harness.command import Finished, asg
from executor_harness.regression import REGRESSION


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "regression.json").write_text(REGRESSION)
    np.save(tmp_path / "x.npy", np.array([[1, 2, 3]], np.float32))
    np.save(tmp_path / "wide.npy", np.array([[1.0, 2.0, 3.0]]))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "x.json").write_text("[[1, 2, 3]]")
    (tmp_path / "broken.safetensors").write_bytes(b"\x10")
    weights = {"weight": np.array([[1], [2.5], [-3]], np.float32), "bias": np.array([0.5], np.float32)}
    (tmp_path / "w.safetensors").write_bytes(safetensors.numpy.save(weights))
    return tmp_path


class Run(Protocol):
    """Runs `asg run` in the folder."""

    def __call__(self, *options: str, text: str = "") -> Finished: ...


@pytest.fixture
def asg_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*options: str, text: str = "") -> Finished:
        return asg(capsys, folder, "run", *options, text=text)

    return run


@pytest.mark.parametrize("x", ["x.npy", "x.json", "[[1, 2, 3]]", '{"dtype":"float32","shape":[1,3],"data":[1,2,3]}'])
def test_inputs_come_from_files_or_from_the_command_line(asg_run: Run, x: str) -> None:
    found = asg_run("regression.json", "--input", f"x={x}", "--parameters", "w.safetensors")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "prediction: float32[1, 1]\n[[-2.5]]\n"


def test_the_accesses_of_native_kernels_may_be_checked(asg_run: Run) -> None:
    options = ("--input", "x=x.npy", "--parameters", "w.safetensors", "--engine", "native-checked")
    assert asg_run("regression.json", *options).stdout == "prediction: float32[1, 1]\n[[-2.5]]\n"


def test_the_document_comes_from_standard_input(asg_run: Run) -> None:
    options = ("-", "--input", "x=x.npy", "--input", "target=[[0]]", "--parameters", "w.safetensors", "--json")
    found = asg_run(*options, text=REGRESSION)
    assert json.loads(found.stdout) == {
        "prediction": {"dtype": "float32", "shape": [1, 1], "data": [-2.5]},
        "loss": {"dtype": "float32", "shape": [], "data": [6.25]},
    }


def test_outputs_go_to_files(folder: Path, asg_run: Run) -> None:
    common = ("regression.json", "--input", "x=x.npy", "--input", "target=[[0]]", "--parameters", "w.safetensors")
    assert asg_run(*common, "--output", "out.safetensors").stdout == ""
    outputs = safetensors.numpy.load((folder / "out.safetensors").read_bytes())
    assert {name: array.tolist() for name, array in outputs.items()} == {"prediction": [[-2.5]], "loss": 6.25}
    assert asg_run(*common, "--only", "loss", "--output", "out.json").returncode == 0
    assert list(json.loads((folder / "out.json").read_text())) == ["loss"]


def test_a_seed_initialises_parameters(asg_run: Run) -> None:
    seeds = [asg_run("regression.json", "--input", "x=x.npy", "--seed", seed).stdout for seed in "112"]
    assert seeds[0] == seeds[1] != seeds[2]


def test_parameters_of_a_state_dict(asg_run: Run, folder: Path) -> None:
    # Other names, another width of floats and PyTorch's metadata.
    document = (folder / "regression.json").read_text()
    (folder / "model.json").write_text(document.replace('"weight"', '"model.weight"').replace('"bias"', '"model.bias"'))
    weights = safetensors.numpy.load((folder / "w.safetensors").read_bytes())
    state = {name: array.astype(np.float64) for name, array in weights.items()}
    (folder / "state.safetensors").write_bytes(safetensors.numpy.save(state, {"format": "pt"}))
    common = ("--input", "x=x.npy", "--only", "prediction")
    expected = asg_run("regression.json", *common, "--parameters", "w.safetensors").stdout
    found = asg_run("model.json", *common, "--parameters", "state.safetensors", "--prefix", "model.")
    assert found.stdout == expected
    refused = asg_run("model.json", *common, "--parameters", "state.safetensors")
    assert refused.returncode == 1
    assert "state.safetensors: 4 problems with its parameters" in refused.stderr
    assert 'with the prefix "model."' in refused.stderr
    del state["bias"]
    (folder / "state.safetensors").write_bytes(safetensors.numpy.save(state))
    seeded = ("model.json", *common, "--parameters", "state.safetensors", "--prefix", "model.", "--seed", "0")
    assert asg_run(*seeded).stdout.startswith("prediction: float32[1, 1]")
    (folder / "state.safetensors").write_bytes(safetensors.numpy.save({"weight": np.zeros((3, 1), bool)}))
    assert "1 of its tensors cannot be converted" in asg_run(*seeded).stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "x=x.npy"], 'these parameters have no value: "weight", "bias"'),
        (["--input", "x=x.npy", "--parameters", "none.safetensors"], "none.safetensors"),
        (["--input", "x=x.npy", "--parameters", "broken.safetensors"], "truncated"),
        (["--input", "x=none.npy", "--seed", "0"], "none.npy"),
        (["--input", "x=none.json", "--seed", "0"], "none.json"),
        (["--input", "x=wide.npy", "--seed", "0"], "float32 is needed"),
        (["--input", "x=objects.npy", "--seed", "0"], "objects.npy is not a .npy file of numbers"),
        (["--input", "x=abc", "--seed", "0"], '"abc"'),
        (["--input", "x=[[1, true, 3]]", "--seed", "0"], "[0][1]: the element true is not a number"),
        (["--input", "x", "--seed", "0"], "NAME=VALUE is needed"),
        (["--input", "y=1", "--seed", "0"], 'no input "y"; declared: "x", "target"'),
        (["--input", "x=x.npy", "--input", "x=x.npy", "--seed", "0"], "given twice"),
        (["--seed", "0"], 'input "x" is missing; output "prediction" needs it'),
        (["--input", "x=x.npy", "--seed", "0", "--only", "loss"], 'input "target" is missing'),
        (
            ["--input", "x=x.npy", "--seed", "0", "--output", "none/out.safetensors"],
            "out.safetensors: No such file or directory\n",
        ),
        (["--input", "x=x.npy", "--seed", "0", "--output", "none/out.json"], "none/out.json"),
        (["--input", "x=x.npy", "--seed", "0", "--output", "out.txt"], "a .safetensors or .json file is needed"),
        (["--input", "x=x.npy", "--seed", "0", "--engine", "nunpy"], 'mean "numpy"'),
        (["--input", "x=x.npy", "--seed", "-1"], "not -1"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_a_line(asg_run: Run, options: list[str], message: str) -> None:
    found = asg_run("regression.json", *options)
    assert found.returncode == 1
    assert message in found.stderr
    assert found.stderr.startswith("asg: ")
    assert "Traceback" not in found.stderr
    assert found.stdout == ""


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("float32", np.dtype(">f4")), ("int64", np.dtype(">i8")), ("bfloat16", np.dtype(ml_dtypes.bfloat16))],
    ids=str,
)
def test_arrays_as_other_machines_and_other_dtypes_store_them(
    asg_run: Run, folder: Path, dtype: str, stored: Any
) -> None:
    document = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": dtype, "shape": ["n", 2]}],
        "nodes": [{"id": "y", "op": "negative", "inputs": ["x"]}],
        "outputs": [{"name": "y", "value": "y"}],
    }
    (folder / "negative.json").write_text(json.dumps(document))
    np.save(folder / "stored.npy", np.asfortranarray(np.array([[1, 2], [3, 4]], stored)))
    found = asg_run("negative.json", "--input", "x=stored.npy", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["y"] == {"dtype": dtype, "shape": [2, 2], "data": [-1, -2, -3, -4]}


def test_an_invalid_document(asg_run: Run) -> None:
    found = asg_run("-", "--seed", "0", text=REGRESSION.replace('"matmul"', '"matmull"'))
    assert found.returncode == 1
    assert "/nodes/0/op" in found.stderr
    assert asg_run("none.json").returncode == 1
    assert asg_run().returncode == 2
