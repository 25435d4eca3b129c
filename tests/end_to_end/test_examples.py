"""The examples, as someone runs them."""

import re
import subprocess
import sys
from pathlib import Path

import safetensors.numpy

EXAMPLES = Path(__file__).parents[2] / "builder/examples"


def run_digits(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / "digits.py"), "--output-dir", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_digits(tmp_path: Path) -> None:
    """Six epochs of the example's forty."""
    output = run_digits(tmp_path, "--epochs", "6")
    shares = [float(share) for share in re.findall(r"test accuracy (\S+)%$", output, re.MULTILINE)]
    assert len(shares) == 6
    assert shares[-1] > 90
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    weights = safetensors.numpy.load((tmp_path / "digits.safetensors").read_bytes())
    assert weights["digits.0.weight"].shape == (128, 64)
    assert weights["digits.6.bias"].shape == (10,)
