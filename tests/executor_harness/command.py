"""The command `asg` in this process, which spares the start of an interpreter."""

import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from asg_schema.cli import main

__all__ = ["Finished", "asg"]


class Finished(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def asg(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, text: str = "") -> Finished:
    """Run `asg` with these arguments in a folder, with this text on standard input."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["asg", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(SystemExit) as end:
            main()
    code = end.value.code
    assert code is None or isinstance(code, int)
    found = capsys.readouterr()
    return Finished(code or 0, found.out, found.err)
