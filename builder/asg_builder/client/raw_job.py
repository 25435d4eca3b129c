"""`job.with_raw_response`: the methods of a job that responses answer."""

from typing import TYPE_CHECKING

from asg_builder.client.raw_response import async_raw, raw

if TYPE_CHECKING:
    from asg_builder.client.async_jobs import AsyncJob
    from asg_builder.client.jobs import Job

__all__ = ["AsyncRawJob", "RawJob"]


class RawJob:
    """The methods of `Job`, each returning a `RawResponse`.

    Of `cancel` the first of `answers` is the job's, and where the session is at hand the last is the session's.

    Args:
        job: whose methods they are.
    """

    def __init__(self, job: "Job") -> None:
        self.refresh = raw(job.refresh)
        self.reports = raw(job.reports)
        self.history = raw(job.history)
        self.cancel = raw(job.cancel)
        self.resume = raw(job.resume)


class AsyncRawJob:
    """The methods of `AsyncJob`, each returning a `RawResponse`.

    Of `cancel` the first of `answers` is the job's, and where the session is at hand the last is the session's.

    Args:
        job: whose methods they are.
    """

    def __init__(self, job: "AsyncJob") -> None:
        self.refresh = async_raw(job.refresh)
        self.reports = async_raw(job.reports)
        self.history = async_raw(job.history)
        self.cancel = async_raw(job.cancel)
        self.resume = async_raw(job.resume)
