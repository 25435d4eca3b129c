"""Cases, each broken off at one file operation after another, and what must be found afterwards."""

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from asg_executor.errors import ExecutorError
from executor_harness.in_process import Server
from fault_harness.cases import Case, go_on, observe, service
from fault_harness.faulty_disk import CRASH, FaultyDisk

__all__ = ["REFUSALS", "Breaker"]

REFUSALS = frozenset({"storage_full", "storage_failed", "store_error", "export_failed"})
"""The codes of what the disk refuses."""


@dataclass(frozen=True)
class Outcome:
    """What became of an act.

    Attributes:
        acknowledged: whether the client got an answer that says it is done.
        code: the problem of the answer otherwise; empty where there was no answer.
    """

    acknowledged: bool
    code: str = ""


class Breaker:
    """A case that can be broken off.

    Args:
        case: the case.
        directory: a directory of the test's own.
    """

    def __init__(self, case: Case, directory: Path) -> None:
        self._case = case
        self._directory = directory
        self._base = directory / "base"
        self._session = case.build(self._base)
        self._before = self._found(self._copy("before"))
        whole = self._copy("whole")
        with FaultyDisk(whole) as disk:
            assert self._act(whole).acknowledged
        self.operations = disk.operations
        self._at_start = self._operations_at_start()
        self._after = self._found(whole)
        self._answer: Any = None
        self._end = self._continued(self._copy("end"))

    def _copy(self, name: str) -> Path:
        target = self._directory / name
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(self._base, target)
        return target

    def _act(self, directory: Path) -> Outcome:
        """Start the service, and do what the case does; the service ends as a killed process does."""
        try:
            with service(directory) as server:
                response = self._case.act(server, self._session)
        except ExecutorError as error:  # the service did not start
            return Outcome(acknowledged=False, code=error.code)
        if response is None or response.is_success:
            return Outcome(acknowledged=True)
        return Outcome(acknowledged=False, code=response.json()["code"])

    def _found(self, directory: Path) -> list[Any]:
        with service(directory) as server:
            return self._observe(server)

    def _observe(self, server: Server) -> list[Any]:
        return observe(server) if self._case.look is None else [*observe(server), self._case.look(server)]

    def _continued(self, directory: Path) -> list[Any]:
        """What is seen after the act was sent again, and the session went on."""
        with service(directory) as server:
            again = self._case.act(server, self._session)
            expected = again is None or again.is_success or again.status_code == 404
            assert expected, again.text if again is not None else ""
            self._compare_answer(again)
        with service(directory) as server:
            return go_on(server)

    def _operations_at_start(self) -> int:
        directory = self._copy("started")
        with FaultyDisk(directory) as disk, service(directory):
            return len(disk.operations)

    def _compare_answer(self, response: httpx.Response | None) -> None:
        """The answer of a step is the same whenever it is given."""
        answer = None if response is None or response.status_code != 200 else response.json()
        if answer is not None and "digest" not in answer:
            self._answer = self._answer or answer
            assert answer == self._answer

    def _check(self, directory: Path, outcome: Outcome, where: str) -> None:
        found = self._found(directory)
        if outcome.acknowledged:
            assert found == self._after, f"{where}: it was acknowledged, and is not there"
        else:
            assert found in (self._before, self._after), f"{where}: neither as it was nor as it was to be"
        # An export's directory is not the service's own: what a crash left in it stays, and does not count.
        unfinished = [path for path in directory.rglob(".writing-*") if path.parent.name != "there"]
        assert not unfinished, f"{where}: {unfinished} stays for ever"
        assert self._continued(directory) == self._end, f"{where}: it does not go on as if nothing had happened"

    def crash(self, numbers: Iterable[int]) -> int:
        """Let the process end before each of these operations; how many were tried."""
        return self._try(numbers, lambda disk, directory: None)

    def lose_power(self, numbers: Iterable[int], chance: random.Random | None) -> int:
        """Let the power fail before each of these operations; what was not flushed is lost, or left to chance."""

        def leave_remains(disk: FaultyDisk, directory: Path) -> None:
            remains = self._directory / "remains"
            assert disk.durable is not None
            disk.durable.write_remains(remains, chance)
            shutil.rmtree(directory)
            remains.rename(directory)  # URLs of exports have its name

        return self._try(numbers, leave_remains)

    def _try(self, numbers: Iterable[int], leave_remains: Callable[[FaultyDisk, Path], None]) -> int:
        tried = 0
        for number in numbers:
            directory = self._copy("broken")
            with FaultyDisk(directory, number, CRASH) as disk:
                outcome = self._act(directory)
            assert disk.happened, "there is no such operation"
            leave_remains(disk, directory)
            self._check(directory, outcome, f"{self._case.name}, before {disk.operations[number]} ({number})")
            tried += 1
        return tried

    def refuse(self, numbers: Iterable[int], fault: int, codes: frozenset[str], only: frozenset[str] | None) -> int:
        """Let each of these operations fail, and those like it after it where there is no room; then mend the disk.

        Args:
            numbers: the operations.
            fault: the number of the system's error.
            codes: what a refusal may be called.
            only: the kinds of operations that fail; None for those that need room.
        """
        tried = 0
        for number in numbers:
            directory = self._copy("broken")
            with FaultyDisk(directory, number, fault, only, once=only is not None) as disk:
                outcome = self._act_and_mend(directory, disk, codes, damaged_allowed=number < self._at_start)
            if disk.happened:
                self._check(directory, outcome, f"{self._case.name}, error at {disk.operations[number]} ({number})")
                tried += 1
        return tried

    def _act_and_mend(
        self, directory: Path, disk: FaultyDisk, codes: frozenset[str], *, damaged_allowed: bool
    ) -> Outcome:
        """Act while operations fail; where it was refused, all must be as it was, and it must succeed afterwards."""
        try:
            with service(directory) as server:
                response = self._case.act(server, self._session)
                disk.mend()
                if response is None or response.is_success:
                    return Outcome(acknowledged=True)
                code = response.json()["code"]
                if code == "session_damaged":  # it could not be read at the start, and can at the next
                    assert damaged_allowed, response.text
                    return Outcome(acknowledged=False, code=code)
                assert code in codes, response.text
                seen = self._observe(server)
                if not self._case.several:
                    assert seen == self._before, f"{self._case.name}: refused, and changed"
                again = self._case.act(server, self._session)
                assert again is not None
                assert again.is_success, f"{self._case.name}: {again.text} after there was room again"
                return Outcome(acknowledged=True)
        except ExecutorError as error:  # the service did not start
            disk.mend()
            if error.code not in codes:
                raise
            return Outcome(acknowledged=False, code=error.code)
