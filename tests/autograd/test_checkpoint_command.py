"""`asg checkpoint`."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

import asg_builder
from asg_autograd import checkpoint, grad
from asg_autograd.commands.options import chosen_bytes, chosen_sizes
from asg_builder import losses, nn
from asg_schema.document import Document


def model() -> Document:
    with asg_builder.graph("mlp") as g:
        x, target = asg_builder.input("x", ("batch", 8)), asg_builder.input("target", ("batch", 8))
        layers = [layer for _ in range(6) for layer in (nn.Linear(8, 8), nn.Tanh())]
        g.output(loss=losses.mse(nn.Sequential(*layers)(x), target))
    return grad(g.document())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "mlp.json"
    path.write_text(model().to_json(), encoding="utf-8")
    return path


def asg(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("asg")
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_a_budget_with_a_report(file: Path) -> None:
    done = asg("checkpoint", str(file), "--symbol", "batch=32", "--budget", "6KiB", "--report")
    assert done.returncode == 0, done.stderr
    assert done.stdout == checkpoint(model(), budget=6 * 1024, symbols={"batch": 32}).to_json()
    heading, kept, peak, operations = (line.split() for line in done.stderr.splitlines())
    assert heading == ["before", "after"]
    assert (kept[0], peak[0], operations[0]) == ("kept", "peak", "operations")
    assert float(kept[1]) > 6 >= float(kept[3])
    assert int(operations[1].replace(",", "")) < int(operations[2].replace(",", ""))


def test_names_and_ops(file: Path) -> None:
    by_name = asg("checkpoint", str(file), "--keep", "sequential.0", "--keep", "sequential.4.linear")
    assert by_name.stdout == checkpoint(model(), keep=["sequential.0", "sequential.4.linear"]).to_json()
    by_op = asg("checkpoint", str(file), "--keep-op", "tanh")
    assert by_op.stdout == checkpoint(model(), keep=lambda node: node.name == "tanh").to_json()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--budget", "10 bytes"], 2, '"10 bytes" is no amount of memory'),
        (["--symbol", "batch"], 2, "is not of the form NAME=VALUE"),
        (["--keep", "a", "--keep-op", "tanh"], 2, "exclude each other"),
        (["--keep-op", "tan h"], 1, 'there is no op "tan h"; did you mean "tanh"?'),
        (["--budget", "1KiB"], 1, 'depends on "batch": give a size'),
    ],
)
def test_what_is_wrong_is_said(file: Path, arguments: list[str], code: int, message: str) -> None:
    done = asg("checkpoint", str(file), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("64MiB", 64 * 2**20), ("1.5 GB", 1_500_000_000), ("100", 100), ("7b", 7), ("2KIB", 2048), ("1TB", 10**12)],
)
def test_amounts_of_memory(text: str, expected: int) -> None:
    assert chosen_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1 megabyte", "1e9", "0x10", "1.MB"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        chosen_bytes(text)


def test_sizes_of_symbols() -> None:
    assert chosen_sizes(["batch=32", "n_2=0"]) == {"batch": 32, "n_2": 0}
    for wrong in (["batch=32", "batch=33"], ["batch=-1"], ["batch"], ["batch=a"]):
        with pytest.raises(typer.BadParameter):
            chosen_sizes(wrong)
