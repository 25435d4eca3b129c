"""A server of one's own: `asg serve` in a process beside this one."""

import json
import os
import subprocess
import sys
import tempfile
import weakref
from contextlib import suppress
from threading import Thread
from typing import IO

from asg_builder.client.errors import LocalServerFailed

__all__ = ["LocalServer"]

_COMMAND = (
    *(sys.executable, "-P", "-c", "from asg_schema.cli import main; main()"),  # `asg`, wherever it is installed
    *("serve", "--host", "127.0.0.1", "--port", "0", "--announce-json", "--exit-with-parent"),
)
_THREADS = ("ASG_BLAS_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_SHOWN_BYTES = 2000

_running: "weakref.WeakSet[LocalServer]" = weakref.WeakSet()


def _let_go() -> None:
    """Close, in a fork of this process, its ends of the pipes by which the servers know that this process lives.

    What is run by `exec` does not inherit them; what is only forked does, and a server would live as long as it.
    """
    for server in _running:
        server.let_go()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_let_go)


def _environment() -> dict[str, str]:
    """The environment of a server that one process alone has: nobody else knows its address, and it has no keys."""
    environment = {**os.environ, "ASG_REQUIRE_KEY": "false"}
    if not any(environment.get(name) for name in _THREADS):
        environment["ASG_BLAS_THREADS"] = "all"  # it computes for one, as fast as in that process itself
    return environment


class LocalServer:
    """A running `asg serve` on a free port of 127.0.0.1.

    It ends with `stop()`, when the object is collected, when this process exits, and when this process is killed: its
    standard input is a pipe whose other end this process alone has.

    Attributes:
        url: its address.

    Raises:
        LocalServerFailed: it did not come up.
    """

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the server
        self._process = subprocess.Popen(
            _COMMAND,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._stop = weakref.finalize(self, _stop, self._process, self._log, os.getpid())
        _running.add(self)
        try:
            self.url = self._announced_url()
        except LocalServerFailed:
            self._stop()
            raise

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def _announced_url(self) -> str:
        """The address in the one line that the server prints when it is ready."""
        lines: list[bytes] = []
        output = self._process.stdout
        assert output is not None
        reader = Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        reader.join(_START_SECONDS)
        if not lines:
            logged = self._logged()
            raise LocalServerFailed(
                f"asg serve did not start within {_START_SECONDS:g} seconds"
                + (f"; it logged:\n{logged}" if logged else ", and it logged nothing")
            )
        try:
            return json.loads(lines[0])["url"]
        except (ValueError, KeyError, TypeError):
            reason = f'it said {lines[0]!r} instead of {{"url": …}}; ' if lines[0] else ""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        raise LocalServerFailed(f"asg serve did not start: {reason}{self.diagnose() or 'it is still running'}")

    def diagnose(self) -> str:
        """What is known of a server that does not answer: nothing, or how it ended and what it said."""
        status = self._process.poll()
        if status is None:
            return ""
        said = self._logged()
        return f"the local server has exited with status {status}" + (f" and said:\n{said}" if said else "")

    def _logged(self) -> str:
        """The end of what the server wrote to its standard error."""
        end = self._log.seek(0, 2)
        self._log.seek(max(0, end - _SHOWN_BYTES))
        return self._log.read().decode("utf-8", "replace").strip()

    def let_go(self) -> None:
        """Close this process's end of the pipe by which the server knows that its parent lives."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the server; once it has ended this does nothing."""
        self._stop()


def _stop(process: subprocess.Popen[bytes], log: IO[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return  # in a fork of the process that started the server, and the server is not the fork's to end
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, log):
        if stream is not None:
            stream.close()
