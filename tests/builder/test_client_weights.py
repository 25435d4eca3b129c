"""Weights that a client asks for, sends, saves and loads, and how their transfer is told."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from rich.console import Console

from asg_builder.client import transfers
from asg_builder.client.payload import decode
from asg_schema import AsgError
from builder_harness.played_executor import Server


def test_parameters() -> None:
    server = Server()
    session = server.session()
    w = session.parameters()["w"]
    assert w.dtype == ml_dtypes.bfloat16
    w[0] = 7  # a copy, to be changed at will
    session.set_parameters({"w": w})
    np.testing.assert_array_equal(server.sent()["w"], np.array([7, 2], ml_dtypes.bfloat16))
    with pytest.raises(AsgError, match='there is no parameter "v"'):
        session.set_parameters({"v": w})


def test_saving(tmp_path: Path) -> None:
    server = Server()
    session = server.session()
    session.save(tmp_path / "w.safetensors")
    assert list(decode((tmp_path / "w.safetensors").read_bytes()).tensors) == ["w"]
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    with pytest.raises(AsgError, match=r"cannot write .*missing/w\.safetensors: No such file or directory$"):
        session.save(tmp_path / "missing" / "w.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AsgError, match=r"cannot write .*folder: Is a directory$"):
        session.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "w.safetensors"]


def test_loading(tmp_path: Path) -> None:
    server = Server()
    session = server.session()
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.array([1.0, 2.0 + 2**-20])}, {"format": "pt"}))
    found = session.load_parameters(path)
    assert found.sources == {"w": "w"}
    sent = server.sent()["w"]
    assert sent.dtype == ml_dtypes.bfloat16  # rounded from float64
    np.testing.assert_array_equal(sent, np.array([1, 2], ml_dtypes.bfloat16))
    session.load_parameters({"layer.w": [3, 4], "other": [1]}, prefix={"layer.": ""}, strict=False)
    np.testing.assert_array_equal(server.sent()["w"], np.array([3, 4], ml_dtypes.bfloat16))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"v": [1.0, 2.0]}, "the given mapping: 2 problems"),
        ({"w": [1.0]}, r'"w" has the shape \[1\]; \[2\] is needed'),
        ({"w": [1.0, 1e300]}, '1 of its tensors cannot be converted\n"w": it holds a number that overflows bfloat16'),
        ({"w": [True, False]}, "an array of bool is not converted to bfloat16"),
        ({"w": [[1.0], [1.0, 2.0]]}, '"w" is not an array'),
        ("none.safetensors", "cannot read none.safetensors: No such file"),
        ("broken.safetensors", "broken.safetensors is not a safetensors file"),
        ("small.safetensors", 'small.safetensors holds the tensor "w" of dtype I16, which documents have not'),
    ],
    ids=str,
)
def test_weights_that_do_not_fit(source: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.safetensors").write_bytes(b"abc")
    Path("small.safetensors").write_bytes(safetensors.numpy.save({"w": np.zeros(2, np.int16)}))
    server = Server()
    session = server.session()
    before = len(server.requests)
    with pytest.raises(AsgError, match=message):
        session.load_parameters(source)
    assert len(server.requests) == before


@pytest.mark.parametrize("prefix", ["model.", "w"])
def test_saving_a_part_that_is_not_there(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(AsgError, match=f'begins with "{re.escape(prefix)}"; there are w'):
        Server().session().save(tmp_path / "w.safetensors", prefix=prefix)
    assert not list(tmp_path.iterdir())


def test_a_saved_file_is_as_open_to_others_as_any(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    Server().client.session("s").save(tmp_path / "weights.safetensors")
    mode = (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "weights.safetensors").stat().st_mode == mode
    assert {file.name for file in tmp_path.iterdir()} == {"plain", "weights.safetensors"}


def test_transfers_tell_their_progress(tmp_path: Path) -> None:
    session = Server().session()
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    session.save(tmp_path / "w.safetensors", progress=progress)
    size = (tmp_path / "w.safetensors").stat().st_size
    assert told == [(size, size)]
    told.clear()
    session.load_parameters(tmp_path / "w.safetensors", progress=progress)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 0
    session.load_parameters(tmp_path / "w.safetensors", progress=True)  # no terminal, no bar


def test_a_transfer_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100)

    def console(*, stderr: bool) -> Console:
        assert stderr
        return terminal

    monkeypatch.setattr(transfers, "Console", console)
    with transfers.reporting(True, "sending") as report:
        assert report is not None
        report(500_000, 1_000_000)
    assert "sending" in drawn.getvalue()
    assert "MB" in drawn.getvalue()
