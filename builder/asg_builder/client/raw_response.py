"""`RawResponse`: what a method of the client came to, beside the response that it came from."""

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

from asg_builder.client.answer import Answer, recorded_answers

__all__ = ["RawResponse", "async_raw", "raw"]

P = ParamSpec("P")
T = TypeVar("T")


class RawResponse(Generic[T]):
    """A response, and what the method that got it returns.

    Args:
        answers: the responses of the call, oldest first. A method may need several: a session's first step asks for the
            interface of its graph.
        result: what the method returns.

    Attributes:
        answers: the responses of the call, oldest first; the other attributes are of the last.
    """

    def __init__(self, answers: list[Answer], result: T) -> None:
        self.answers = answers
        self._result = result

    def __repr__(self) -> str:
        return f"RawResponse({self.status}, {len(self.body)} bytes, request {self.request_id})"

    def parse(self) -> T:
        """What the method returns."""
        return self._result

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answers[-1].status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case."""
        return self.answers[-1].headers

    @property
    def body(self) -> bytes:
        """The body; empty where it went to a file."""
        return self.answers[-1].body

    @property
    def request_id(self) -> str:
        """Under which the server's log has the request."""
        return self.headers.get("x-request-id", "")

    @property
    def elapsed(self) -> float:
        """How many seconds the response took, without the repetitions before it."""
        return self.answers[-1].elapsed

    @property
    def replayed(self) -> bool:
        """Whether the executor had carried the request out before, and gave the answer once more."""
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def server_timing(self) -> dict[str, float]:
        """Where the time of a request went in the server, in milliseconds: `queue`, `load`, `run`, `persist`."""
        entries = [entry.strip().split(";") for entry in self.headers.get("server-timing", "").split(",")]
        durations = {name: _duration(parameters) for name, *parameters in entries if name}
        return {name: duration for name, duration in durations.items() if duration is not None}


def _duration(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "dur":
            return float(value)
    return None


def raw(method: Callable[P, T]) -> Callable[P, RawResponse[T]]:
    """A method that returns the response, too."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        with recorded_answers() as answers:
            result = method(*args, **kwargs)
        return RawResponse(answers, result)

    return call


def async_raw(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, RawResponse[T]]]:
    """A method to be awaited that returns the response, too."""

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        with recorded_answers() as answers:
            result = await method(*args, **kwargs)
        return RawResponse(answers, result)

    return call
