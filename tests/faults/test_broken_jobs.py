"""A job broken off at every file operation, by the end of the process or a full disk: nothing is lost or left over."""

import errno
from typing import Any

import pytest

from fault_harness.broken_jobs import BrokenJob
from fault_harness.extent import ROUNDS

STRIDE = max(200 // ROUNDS, 1)


@pytest.fixture(scope="module", params=["every_step", {"snapshot_every": 2}, "checkpoint_only"], ids=str)
def job(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BrokenJob:
    durability: Any = request.param
    return BrokenJob(tmp_path_factory.mktemp("broken"), durability)


def test_a_process_that_is_killed(job: BrokenJob) -> None:
    for at in job.operations[::STRIDE]:
        job.check_crash(at)


def test_a_disk_that_is_full(job: BrokenJob) -> None:
    for at in job.operations[::STRIDE]:
        job.check_refusal(at, errno.ENOSPC)
