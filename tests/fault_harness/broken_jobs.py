"""A job that is broken off at a file operation, from the upload of its data to its end, and what comes of it."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

from asg_executor.errors import ExecutorError
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import create_session, data, wait
from fault_harness.faulty_disk import CRASH, FaultyDisk

__all__ = ["BrokenJob"]

_FIELDS: dict[str, Any] = {
    "batch_size": 25,
    "epochs": 3,
    "shuffle_seed": 1,
    "early_stopping": {"monitor": "val_loss", "mode": "max", "patience": 9},
    "checkpoints": {"keep_last": 1, "prefix": "kept"},
}


class BrokenJob:
    """A job that validates, makes checkpoints and ends with the parameters of its first epoch.

    Args:
        directory: a directory of the test's own.
        durability: the session's.

    Attributes:
        operations: the file operations of the job when nothing is broken off.
    """

    def __init__(self, directory: Path, durability: Any) -> None:
        self._base, self._copy = directory / "base", directory / "copy"
        with in_process(data_dir=self._base, workers=1) as server:
            self._session = create_session(server.http, durability=durability)
        with FaultyDisk(self._fresh(), follows=False) as disk, in_process(data_dir=self._copy, workers=1) as server:
            begin = len(disk.operations)
            self._expected = self._run(server)
            self.operations = range(begin, len(disk.operations))
        self._names = disk.operations

    def reports_of_checkpoints(self) -> list[int]:
        """The operations by which it is kept that a checkpoint was made, right behind it."""
        commits = [at for at in self.operations if self._names[at].startswith("commit")]
        return [at for before, at in pairwise(commits) if self._names[before - 1].endswith("/checkpoints")]

    def _fresh(self) -> Path:
        if self._copy.exists():
            shutil.rmtree(self._copy)
        shutil.copytree(self._base, self._copy)
        return self._copy

    def _run(self, server: Server) -> list[Any]:
        """Do all that is needed for the job, as a client does who does not know what was done before."""
        headers = {"Content-Type": MEDIA_TYPE}
        datasets = [
            server.http.post("/v1/datasets", content=write_safetensors(tensors, {}), headers=headers)
            for tensors in (data(), data(20, 1))
        ]
        assert all(answer.is_success for answer in datasets), datasets[-1].text
        train, test = (answer.json()["digest"] for answer in datasets)
        body = {**_FIELDS, "dataset": train, "validation": {"dataset": test}}
        started = server.http.post(f"{self._session}/jobs", json=body, headers={"Idempotency-Key": "broken"})
        assert started.status_code == 202, started.text
        job = started.headers["Location"]
        if started.json()["state"] == "failed":
            assert server.http.post(f"{job}/resume").status_code == 202
        found = wait(server.http, job)
        reports = [
            {key: value for key, value in item.items() if key not in ("event", "time")} for item in found["history"]
        ]
        listed = server.http.get(f"{self._session}/checkpoints").json()["checkpoints"]
        kept = [(item["name"], item["digest"], item["metrics"]) for item in listed]
        assert found["checkpoints"] == [item["name"] for item in listed]
        return [server.digest(self._session), found["step"], found["best"], reports, kept]

    def _attempt(self, server: Server) -> None:
        """The same, as far as the disk lets it."""
        try:
            self._run(server)
        except (AssertionError, ExecutorError):
            return

    def check_crash(self, at: int) -> None:
        """Let the process end before an operation; after a restart all is as if it had not."""
        directory = self._fresh()
        with (
            FaultyDisk(directory, at, CRASH, follows=False) as disk,
            in_process(data_dir=directory, workers=1) as server,
        ):
            self._attempt(server)
        assert disk.happened, f"{at}: there is no such operation"
        with in_process(data_dir=directory, workers=1) as server:
            assert self._run(server) == self._expected, f"before {disk.operations[at]} ({at})"
            self._check_files(directory)

    def check_refusal(self, at: int, fault: int) -> None:
        """Let an operation fail, and those like it after it; once the disk is mended all goes on, without a restart."""
        directory = self._fresh()
        with (
            FaultyDisk(directory, at, fault, follows=False) as disk,
            in_process(data_dir=directory, workers=1) as server,
        ):
            self._attempt(server)
            disk.mend()
            where = f"{disk.operations[at]} ({at})"
            assert self._run(server) == self._expected, where
            self._check_files(directory)
        with in_process(data_dir=directory, workers=1) as server:
            assert self._run(server) == self._expected, f"{where}, after a restart"

    @staticmethod
    def _check_files(directory: Path) -> None:
        names = [path.name for path in (directory / "datasets").iterdir()]
        assert len(names) == 2, names
        assert not [name for name in names if name.startswith(".writing-")]
