"""`JobFollower`: the events of a job, put together from the lines of a stream that may break off and begin again.

(https://html.spec.whatwg.org/multipage/server-sent-events.html)
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from asg_builder.client.errors import ClientError, ConnectionFailed, Overloaded, UnexpectedAnswer

__all__ = ["EVENT_STREAM", "STALL_SECONDS", "JobEvent", "JobFollower"]

EVENT_STREAM = "text/event-stream"
STALL_SECONDS = 60.0
"""For how long nothing may come on a stream, which says something every 15 seconds."""

_FINAL = ("succeeded", "failed", "cancelled")
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0


class JobEvent(NamedTuple):
    """Something that happened to a job.

    Attributes:
        number: from 1 on; None for news of how far it is, which are not kept.
        type: `queued`, `running`, `report`, `progress`, `cancelling`, `succeeded`, `failed` or `cancelled`.
        content: what happened.
    """

    number: int | None
    type: str
    content: dict[str, Any]


class JobFollower:
    """Reads one job's events through as many streams as it takes.

    Args:
        path: the job's path.
        after: the number of the last event that is known.
        patience: for how many seconds there may be no stream before it gives up.
        clock: the time in seconds.

    Attributes:
        path: the path of the streams.
        over: whether the last event has come.
    """

    def __init__(self, path: str, after: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = f"{path}/events"
        self.over = False
        self._after = after
        self._patience = patience
        self._clock = clock
        self._heard = clock()
        self._wait = _FIRST_WAIT_SECONDS
        self._fields: dict[str, str] = {}

    def begin(self) -> Mapping[str, str]:
        """The headers of the next stream."""
        self._fields = {}
        return {"Last-Event-ID": str(self._after)}

    def read(self, line: str) -> JobEvent | None:
        """Take the next line; the event that it ends, if it does.

        Raises:
            UnexpectedAnswer: the event cannot be read.
        """
        self._heard, self._wait = self._clock(), _FIRST_WAIT_SECONDS
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        try:
            number = int(fields["id"]) if "id" in fields else None
            event = JobEvent(number, fields.get("event", "message"), json.loads(fields["data"]))
        except ValueError as error:
            raise UnexpectedAnswer(f"an event of {self.path} cannot be read: {error}") from None
        if number is not None:
            self._after = number
            self.over = event.type in _FINAL
        return event

    def pause(self, error: ClientError | None) -> float:
        """How many seconds to wait before the next stream.

        Args:
            error: why there is no stream any more; None where the server ended it.

        Raises:
            ClientError: the error, where it will not go away or did not for long.
        """
        passing = error is None or isinstance(error, ConnectionFailed | Overloaded)
        if error is not None and not passing:
            raise error
        if self._clock() - self._heard > self._patience:
            raise error or ConnectionFailed(f"{self.path} ends again and again without the last event", sent=True)
        wait, self._wait = self._wait, min(2 * self._wait, _LONGEST_WAIT_SECONDS)
        return wait
