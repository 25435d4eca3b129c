"""The README's code runs, and prints what stands below it."""

import re
from pathlib import Path
from typing import Any

import pytest

import asg_builder as asg
from asg_builder import nn
from asg_builder.client import errors

BUILDER = Path(__file__).parents[2] / "builder"
README = (BUILDER / "README.md").read_text()
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:<!-- prints -->\n```text\n(?P<output>.*?)```)?", re.DOTALL)


def test_the_code_runs_and_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "readme"}
    blocks = list(BLOCK.finditer(README))
    assert len(blocks) == README.count("```python")
    for block in blocks:
        exec(compile(block["code"], "README.md", "exec"), namespace)
        assert capsys.readouterr().out == (block["output"] or "")
    assert (tmp_path / "classifier.safetensors").exists()


def test_what_it_names_exists() -> None:
    convenience = re.findall(r"`(\w+)`", README.partition("made of several ops:")[2].partition("\n\n")[0])
    assert len(convenience) > 10
    assert all(hasattr(asg, name) for name in convenience)
    layers = re.findall(r"`(\w+)`", README.partition("What there is:\n\n")[2].partition("\n\n")[0])
    assert sorted(layers) == sorted(nn.__all__)
    named = set(re.findall(r"^\| (`.*?) \|", README, re.MULTILINE))
    classes = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert classes <= set(errors.__all__)
    for link in re.findall(r"\]\(([^):#]+)\)", README):
        assert (BUILDER / link).exists(), link
