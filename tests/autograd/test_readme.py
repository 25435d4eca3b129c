"""What autograd/README.md shows, works."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asg_executor

ROOT = Path(__file__).parents[2]
README = (ROOT / "autograd" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for kind, body in BLOCKS if kind == language]


def test_python(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    assert capsys.readouterr().out.strip() == blocks("text")[0].strip()
    results = asg_executor.run(namespace["third"], {"x": 2.0})
    assert [float(results[name]) for name in ("y", "grad.x", "grad2.x", "grad3.x")] == [8, 12, 12, 6]


def test_commands(tmp_path: Path) -> None:
    source = re.search(r'Document\.from_json\("""\n(.*?)"""\)', README, re.DOTALL)
    assert source
    (tmp_path / "model.json").write_text(source[1], encoding="utf-8")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    shown = [part for block in blocks("console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert shown
    for part in shown:
        command, _, expected = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert doctest.OutputChecker().check_output(expected, done.stdout + done.stderr, doctest.ELLIPSIS), done


def test_every_file_named_is_there() -> None:
    package = ROOT / "autograd" / "asg_autograd"
    for name in re.findall(r"`(\w+\.py)`", README):
        assert (package / name).exists(), name
    assert {path.name for path in package.glob("*.py")} - {"__init__.py", "errors.py"} <= set(
        re.findall(r"`(\w+\.py)`", README)
    )
