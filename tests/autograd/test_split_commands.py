"""`asg split` and `asg linearize`."""

import subprocess
import sys
from pathlib import Path

from asg_autograd import grad, linearize, split
from asg_schema.document import Document

TEXT = """
{"asg": 1,
 "name": "model",
 "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 3]}],
 "parameters": [{"id": "weight", "dtype": "float32", "shape": [3, 3]}],
 "nodes": [
  {"id": "product", "op": "matmul", "inputs": ["x", "weight"]},
  {"id": "bent", "op": "tanh", "inputs": ["product"]},
  {"id": "total", "op": "sum", "inputs": ["bent"]}],
 "outputs": [{"name": "loss", "value": "total"}]}
"""
MODEL = Document.from_json(TEXT)


def asg(*arguments: str, given: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("asg")
    return subprocess.run([command, *arguments], input=given, capture_output=True, text=True, check=False, timeout=60)


def test_split(tmp_path: Path) -> None:
    target = tmp_path / "forward.json"
    whole = grad(MODEL)
    done = asg("split", "-", "--forward", str(target), "--backward", "-", given=whole.to_json())
    assert (done.returncode, done.stderr) == (0, "")
    assert (target.read_text(), done.stdout) == tuple(part.to_json() for part in split(whole))


def test_linearize(tmp_path: Path) -> None:
    target = tmp_path / "linear.json"
    arguments = ["--wrt", "x", "--output", "loss", "--symbol", "batch=8"]
    done = asg("linearize", "-", "--forward", "-", "--linear", str(target), *arguments, given=TEXT)
    assert (done.returncode, done.stderr) == (0, "")
    assert (done.stdout, target.read_text()) == tuple(part.to_json() for part in linearize(MODEL, ["x"], "loss"))


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    target = tmp_path / "forward.json"
    refused = asg("split", "-", "--forward", str(target), "--backward", "-", given=TEXT)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has no part that computes derivatives" in refused.stderr
    assert not target.exists()
    assert asg("split", "-", "--forward", str(target), given=TEXT).returncode == 2
