"""`Job`: a training that the executor goes on with by itself."""

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from asg_builder.client.errors import ClientError
from asg_builder.client.exchanges.job_events import EVENT_STREAM, STALL_SECONDS, JobEvent, JobFollower
from asg_builder.client.exchanges.jobs import JobExchanges, show_event
from asg_builder.client.raw_job import RawJob
from asg_builder.client.transport import Transport
from asg_builder.training.progress import TrainingProgress

__all__ = ["Job"]


class Job:
    """A job of an executor, which goes on when this program ends.

    Made by `Session.start_job` and `Client.job`.
    """

    def __init__(self, transport: Transport, exchanges: JobExchanges) -> None:
        self._transport = transport
        self._exchanges = exchanges

    @property
    def id(self) -> str:
        """The job's id, under which `Client.job` finds it again."""
        return self.description["id"]

    @property
    def description(self) -> dict[str, Any]:
        """What the executor said of the job last: state, step, figures, checkpoints and more; `refresh` asks anew."""
        return self._exchanges.description

    @property
    def state(self) -> str:
        """`queued`, `running`, `succeeded`, `failed` or `cancelled`, as it was when the executor was asked last."""
        return self.description["state"]

    @property
    def figures(self) -> dict[str, float]:
        """The newest figures by name, as they were when the executor was asked last."""
        return {name: float(value) for name, value in self.description["figures"].items()}

    @property
    def with_raw_response(self) -> RawJob:
        """The methods of the job that responses answer, each returning the response, too."""
        return RawJob(self)

    def __repr__(self) -> str:
        return f"Job({self.id!r}, {self.state}, at {self._transport.url})"

    def refresh(self) -> dict[str, Any]:
        """Ask the executor how the job is.

        Raises:
            NotFound: it knows the job no more.
        """
        return self._transport.perform(self._exchanges.refresh())

    def reports(self) -> list[dict[str, Any]]:
        """All reports so far: `step`, `epoch`, `figures`, `arrays` and `checkpoint` of each."""
        return self._transport.perform(self._exchanges.reports())

    def history(self) -> dict[str, list[float]]:
        """Each figure's values so far, as `fit` returns them."""
        return self._transport.perform(self._exchanges.history())

    def events(self, after: int = 0) -> Iterator[JobEvent]:
        """What happens to the job, from its beginning to its end, as it happens.

        Where the connection breaks off, or the executor is restarted, it goes on with the event after the last.

        Args:
            after: the number of the last event that is known.

        Raises:
            ConnectionFailed: there was no executor for longer than the client's `total_timeout`.
            ClientError: see `asg_builder.client.errors`.
        """
        follower = JobFollower(self._exchanges.path, after, self._transport.options.total_timeout)
        while not follower.over:
            error: ClientError | None = None
            try:
                with self._transport.stream_lines(
                    follower.path, accept=EVENT_STREAM, headers=follower.begin(), timeout=STALL_SECONDS
                ) as lines:
                    if lines is None:
                        return
                    for line in lines:
                        event = follower.read(line)
                        if event is not None:
                            yield event
            except ClientError as failure:
                error = failure
            if not follower.over:
                time.sleep(follower.pause(error))

    def wait(self, *, console: Console | None = None) -> dict[str, list[float]]:
        """Wait for the end of the job, with a progress bar on a terminal.

        Args:
            console: where the bar is drawn; absent: standard error.

        Returns:
            Each figure's values, as `fit` returns them.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
            ClientError: see `asg_builder.client.errors`.
        """
        with TrainingProgress("training", self.description["steps_total"], console) as bar:
            for event in self.events():
                show_event(bar, self.description, event)
        return self._transport.perform(self._exchanges.outcome())

    def cancel(self) -> dict[str, Any]:
        """End the job after the step that it takes; one that ended already stays as it is.

        Returns:
            How it is then.
        """
        return self._transport.perform(self._exchanges.cancel())

    def resume(self) -> dict[str, Any]:
        """Let a job that failed or was cancelled go on from where it is.

        Raises:
            Conflict: it succeeded, or its session was changed since.
        """
        return self._transport.perform(self._exchanges.resume())

    def delete(self) -> None:
        """Let the executor forget the job, which is at its end; its session and checkpoints stay.

        Raises:
            Conflict: it is not at its end.
        """
        self._transport.perform(self._exchanges.delete())
