"""A candidate as the benchmark sees it: a process that is asked, one at a time."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.messages import Failed, Held, Profiled, Round, Started

__all__ = ["Candidate", "CandidateError"]

_Answer = TypeVar("_Answer", bound=BaseModel)
_SLACK_SECONDS = 60.0
_END_SECONDS = 10.0
_MOST_LETTERS = 200


class CandidateError(Exception):
    """A candidate could not do what it was asked for; the message says why."""


class Candidate:
    """A process that computes a workload with one library, and waits without computing between two requests.

    Args:
        name: the candidate's name in `benchmarks.steps`.
        workload: the workload's name.
        weights: the file with the first values of the parameters.
        environment: variables of the process beside those of this one.
        start_seconds: how long loading, compiling and the first steps may take.
    """

    def __init__(
        self, name: str, workload: str, weights: Path, environment: Mapping[str, str], start_seconds: float
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.candidate_process", name, workload, str(weights)]
        self._start_seconds = start_seconds
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `close` closes it
        # In a group of its own: compilers and servers that it starts end with it.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and all that it started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                self._process.stdin.close()  # at whose end it ends by itself
            with suppress(subprocess.TimeoutExpired):  # it computes still
                self._process.wait(_END_SECONDS)
        finally:
            self._process.stdout.close()
            with suppress(ProcessLookupError):  # nothing is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._messages.close()

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def start(self) -> Started:
        """Make the model, and do the first steps.

        Raises:
            CandidateError: the library cannot, or takes too long.
        """
        return self._asked("start", Started, self._start_seconds)

    def round(self, seconds: float) -> Round:
        """Steps from the first weights, for so many seconds.

        Raises:
            CandidateError: a step failed.
        """
        return self._asked(f"round {seconds}", Round, seconds + _SLACK_SECONDS)

    def memory(self) -> Held:
        """What it held at most.

        Raises:
            CandidateError: the process has ended.
        """
        return self._asked("memory", Held, _SLACK_SECONDS)

    def profile(self) -> Profiled:
        """Where the time of a step goes, of ASG in the process; it is not to be timed afterwards.

        Raises:
            CandidateError: it is another candidate.
        """
        return self._asked("profile", Profiled, _SLACK_SECONDS)

    def _asked(self, request: str, answer: type[_Answer], seconds: float) -> _Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise CandidateError(f"no answer within {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        try:
            return answer.model_validate_json(line)
        except ValidationError:
            raise CandidateError(_short(Failed.model_validate_json(line).reason)) from None

    def _ended(self) -> CandidateError:
        code = self._process.wait()
        self._messages.seek(0)
        messages = self._messages.read().strip().splitlines()
        return CandidateError(f"the process ended with {code}" + (f": {_short(messages[-1])}" if messages else ""))


def _short(message: str) -> str:
    """The first line of an error, and no more of it than a reader wants."""
    first = next((line for line in message.splitlines() if line.strip()), "no message")
    return first if len(first) <= _MOST_LETTERS else first[:_MOST_LETTERS] + " …"
