"""`asg serve` as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import httpx

__all__ = ["ASG", "Process", "serving"]

ASG = (sys.executable, "-c", "from asg_schema.cli import main; main()")


class Process:
    """A running server.

    Attributes:
        popen: the process.
        url: where it listens.
    """

    def __init__(self, popen: subprocess.Popen[str], url: str) -> None:
        self.popen = popen
        self.url = url


@contextmanager
def serving(
    options: Sequence[str] = (), environment: dict[str, str] | None = None, under: Sequence[str] = ()
) -> Generator[Process]:
    """A server on a free port; it is killed at the end if it still runs.

    Args:
        options: those of `asg serve`.
        environment: its environment; absent: that of this process.
        under: a command that runs the command behind it, in its own place.
    """
    with subprocess.Popen(
        [*under, *ASG, "serve", "--port", "0", "--announce-json", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as popen:
        try:
            assert popen.stdout is not None
            line = popen.stdout.readline()
            assert line, popen.stderr.read() if popen.stderr else ""
            url = json.loads(line)["url"]
            assert httpx.get(f"{url}/healthz/ready").json() == {"ready": True}
            yield Process(popen, url)
        finally:
            popen.kill()
