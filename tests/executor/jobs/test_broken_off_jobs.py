"""A job broken off at some of its file operations; tests/faults has all of them."""

import errno
from pathlib import Path
from typing import Any

import pytest

from fault_harness.broken_jobs import BrokenJob

SOME = 4


@pytest.mark.parametrize("durability", ["every_step", "checkpoint_only"])
def test_a_job_is_broken_off_and_goes_on(tmp_path: Path, durability: Any) -> None:
    job = BrokenJob(tmp_path, durability)
    step = len(job.operations) // SOME
    for at in job.operations[step // 2 :: step]:
        job.check_crash(at)
        job.check_refusal(at, errno.ENOSPC)
    for at in job.reports_of_checkpoints()[:2]:
        job.check_crash(at)
    job.check_crash(job.operations[-1])  # before it is kept that the job succeeded
