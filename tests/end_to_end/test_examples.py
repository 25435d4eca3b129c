"""The examples, as someone runs them, with a part of their steps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import safetensors.numpy

from asg_builder.client import Client

EXAMPLES = Path(__file__).parents[2] / "builder/examples"
PNG = b"\x89PNG"


def run(*command: str | Path) -> str:
    # `asg` stands beside the interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_example(name: str, *arguments: str | Path) -> str:
    return run(sys.executable, EXAMPLES / name, *arguments)


def numbers(pattern: str, output: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, output, re.MULTILINE)]


def test_the_readme_shows_each_example() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh")}
    readme = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"^\| \[(\S+)\]\(\1\)", readme, re.MULTILINE)) == files
    assert set(re.findall(r"^\$ (?:python|sh) (\S+)$", readme, re.MULTILINE)) == files


def test_digits(tmp_path: Path) -> None:
    """Six epochs of the example's forty."""
    output = run_example("digits.py", "--output-dir", tmp_path, "--epochs", "6")
    shares = numbers(r"test accuracy (\S+)%$", output)
    assert len(shares) == 6
    assert shares[-1] > 90
    assert (tmp_path / "digits.png").read_bytes().startswith(PNG)
    weights = safetensors.numpy.load((tmp_path / "digits.safetensors").read_bytes())
    assert weights["digits.0.weight"].shape == (128, 64)
    assert weights["digits.6.bias"].shape == (10,)


def test_cnn_digits() -> None:
    """Five epochs of the example's twenty."""
    output = run_example("cnn_digits.py", "--epochs", "5")
    (share,) = numbers(r"^Test accuracy (\S+)%$", output)
    assert share > 96


def test_autoencoder(tmp_path: Path) -> None:
    """Twenty epochs of the example's hundred: better than the linear maps already."""
    output = run_example("autoencoder.py", "--output-dir", tmp_path, "--epochs", "20")
    ((error, linear),) = re.findall(r"^Test error (\S+), of 8 principal components (\S+);", output, re.MULTILINE)
    assert float(error) < 0.8 * float(linear)
    assert (tmp_path / "autoencoder.png").read_bytes().startswith(PNG)


def test_tiny_gpt() -> None:
    """Sixty steps of the example's 1500: it knows by then which characters are frequent."""
    output = run_example("tiny_gpt.py", "--steps", "60", "--characters", "40")
    (loss,) = numbers(r"^Step +60, .* of unknown text (\S+)$", output)
    assert loss < 3.0  # of all 103 characters alike: 4.6
    start, written = output[output.index("\n\n") + 2 :].split("|", 1)
    assert start.startswith("When a function")
    assert len(written) == 40 + 1


def test_job_digits() -> None:
    """Six epochs of the example's forty."""
    output = run_example("job_digits.py", "--epochs", "6")
    shares = numbers(r"test accuracy (\S+)%$", output)
    assert len(shares) == 6
    assert shares[-1] > 85
    ((epochs, best, step),) = re.findall(
        r"^(\d+) epochs, best test accuracy (\S+)%, kept as digits-step-(\d+)$", output, re.M
    )
    assert (int(epochs), float(best)) == (6, max(shares))
    assert int(step) == 23 * (shares.index(max(shares)) + 1)


needs_curl = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="needs sh and curl")


def assert_found_the_plane(output: str) -> None:
    losses = numbers(r"^step \d+: loss (\S+)$", output)
    assert losses[0] == 79.0
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-6
    assert numbers(r"^at \(10, 10\): (\S+)$", output) == pytest.approx([-9.0], abs=1e-2)


@needs_curl
def test_from_curl() -> None:
    """All its steps, and a server that is gone when it ends."""
    output = run("sh", EXAMPLES / "from_curl.sh")
    assert_found_the_plane(output)
    (url,) = re.findall(r"^session \w+ at (\S+)$", output, re.MULTILINE)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz/ready")


@needs_curl
def test_from_curl_with_a_server_that_runs(client: Client) -> None:
    assert_found_the_plane(run("sh", EXAMPLES / "from_curl.sh", "--steps", "50", "--url", client.url))
    assert httpx.get(f"{client.url}/healthz/ready").is_success


@needs_curl
def test_from_curl_says_what_failed(client: Client) -> None:
    command = ["sh", str(EXAMPLES / "from_curl.sh"), "--url", f"{client.url}/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"from_curl.sh: POST {client.url}/nowhere/v1/graphs failed: {{" in done.stderr
    assert "PUT" not in done.stderr


@needs_curl
@pytest.mark.parametrize("arguments", [["--steps"], ["--steps", "few"], ["--epochs", "3"], ["8"]])
def test_from_curl_says_how_it_is_used(arguments: list[str]) -> None:
    command = ["sh", str(EXAMPLES / "from_curl.sh"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
