"""What the README shows, works: its Python runs, and its commands print what stands below them."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the files that the README tells to save."""
    path = tmp_path_factory.mktemp("readme")
    for block in FENCE.finditer(README):
        if block["file"]:
            (path / block["file"]).write_text(block["body"])
    return path


def commands() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that stands below it."""
    found: list[tuple[str, str]] = []
    for block in FENCE.finditer(README):
        if block["language"] != "console":
            continue
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.mark.parametrize(("command", "expected"), commands(), ids=[command for command, _ in commands()])
def test_command_prints_what_is_shown(folder: Path, command: str, expected: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    checker = doctest.OutputChecker()
    got = done.stdout + done.stderr
    assert checker.check_output(expected, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), got


def test_python_blocks_run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    namespace: dict[str, Any] = {}
    blocks = [block["body"] for block in FENCE.finditer(README) if block["language"] == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert float(namespace["loss"]) < 1e-3
    assert "loss" in capsys.readouterr().out


def test_the_two_commands_open_the_readme() -> None:
    opening = README.split("```")[1]
    assert "make demo" in opening
    assert "make test" in opening


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) - {"it"} <= targets
