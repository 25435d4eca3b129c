"""`asg grad` and `asg vjp` as processes: files, pipes, messages and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from asg_autograd import grad, hessian_vector_product, jvp, simplify, vjp
from asg_schema.document import Document

TEXT = """{"asg": 1,
 "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 3]}, {"id": "n", "dtype": "int32", "shape": []}],
 "parameters": [{"id": "weight", "dtype": "float32", "shape": [3]}],
 "nodes": [
  {"id": "product", "op": "multiply", "inputs": ["x", "weight"]},
  {"id": "total", "op": "sum", "inputs": ["product"]}],
 "outputs": [{"name": "product", "value": "product"}, {"name": "loss", "value": "total"}]}
"""
MODEL = Document.from_json(TEXT)


def asg(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("asg")
    return subprocess.run([command, *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(TEXT)
    return path


def test_grad_of_a_file(file: Path) -> None:
    done = asg("grad", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == grad(MODEL).to_json()


def test_grad_of_standard_input_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "gradient.json"
    done = asg("grad", "-", "--of", "loss", "--wrt", "x", "--wrt", "weight", "-o", str(target), given=TEXT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.read_text() == grad(MODEL, wrt=["x", "weight"]).to_json()


def test_commands_pipe_into_each_other(file: Path) -> None:
    first = asg("vjp", str(file), "--output", "product")
    second = asg("grad", "-", "--of", "loss", given=first.stdout)
    third = asg("validate", "-", given=second.stdout)
    assert second.stdout == grad(vjp(MODEL, "product")).to_json()
    assert third.returncode == 0, third.stderr


def test_grad_with_a_loss_scale(file: Path) -> None:
    done = asg("grad", str(file), "--loss-scale")
    assert (done.returncode, done.stdout) == (0, grad(MODEL, loss_scale=True).to_json())


def test_trainable_may_be_written(file: Path) -> None:
    assert asg("grad", str(file), "--wrt", "trainable").stdout == grad(MODEL).to_json()


def test_jvp(file: Path) -> None:
    assert asg("jvp", str(file)).stdout == jvp(MODEL).to_json()
    chosen = asg("jvp", str(file), "--wrt", "x", "--output", "loss", "--disconnected", "drop")
    assert chosen.stdout == jvp(MODEL, "x", "loss", "drop").to_json()


def test_hvp(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "product.json"
    done = asg("hvp", str(file), "--of", "loss", "--wrt", "x", "--wrt", "weight", "-o", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.read_text() == hessian_vector_product(MODEL, wrt=["x", "weight"]).to_json()
    piped = asg("hvp", "-", given=asg("jvp", "-", "--wrt", "x", given=TEXT).stdout)
    assert piped.stdout == hessian_vector_product(jvp(MODEL, "x")).to_json()


def test_disconnected(file: Path) -> None:
    dropped = asg("grad", str(file), "--wrt", "x", "--disconnected", "drop")
    assert dropped.stdout == grad(MODEL, wrt=["x"], disconnected="drop").to_json()
    assert asg("grad", str(file), "--disconnected", "maybe").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grad", "FILE", "--of", "los"], 'asg: the document has no output "los"; did you mean "loss"?\n'),
        (
            ["grad", "FILE", "--wrt", "n"],
            'asg: wrt: "n" int32[] cannot be differentiated by; a floating-point dtype is needed\n',
        ),
        (["vjp", "FILE", "--output", "prod"], 'asg: the document has no output "prod"; did you mean "product"?\n'),
        (["jvp", "FILE", "--output", "prod"], 'asg: the document has no output "prod"; did you mean "product"?\n'),
        (
            ["jvp", "FILE", "--wrt", "n"],
            'asg: wrt: "n" int32[] cannot be differentiated by; a floating-point dtype is needed\n',
        ),
        (
            ["hvp", "FILE", "--of", "product"],
            'asg: output "product" float32[batch, 3] is not a scalar; a gradient needs rank 0: take its mean or sum, '
            "or use vjp\n",
        ),
        (["grad", "absent.json"], "asg: cannot read absent.json: No such file or directory\n"),
    ],
)
def test_what_is_wrong_is_said_on_standard_error(arguments: list[str], message: str, file: Path) -> None:
    done = asg(*(str(file) if argument == "FILE" else argument for argument in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == message


def test_a_document_that_is_not_valid_is_told_with_pointers() -> None:
    done = asg("grad", "-", given=TEXT.replace('"multiply"', '"multiplie"'))
    assert done.returncode == 1
    assert "/nodes/0/op" in done.stderr
    assert 'did you mean "multiply"?' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["grad"], ["vjp", "-"], ["jvp"], ["hvp"], ["grad", "-", "--nonsense"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert asg(*arguments, given=TEXT).returncode == 2


def test_simplify_reports_on_standard_error(tmp_path: Path) -> None:
    wordy = TEXT.replace(
        '"inputs": ["product"]}',
        '"inputs": ["again"]}, {"id": "dead", "op": "exp", "inputs": ["x"]}',
    ).replace('{"id": "total"', '{"id": "again", "op": "multiply", "inputs": ["weight", "x"]}, {"id": "total"')
    done = asg("simplify", "-", "--report", given=wordy)
    assert done.stdout == simplify(Document.from_json(wordy)).to_json()
    assert done.stderr.splitlines() == ["4 nodes before, 2 nodes after", "  dead       1", "  duplicate  1"]
    silent = asg("simplify", "-", "-o", str(tmp_path / "small.json"), given=wordy)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    assert (tmp_path / "small.json").read_text() == done.stdout
