"""What is asked of an executor, as values. Nothing is sent here.

An exchange is a generator that yields requests, is sent their answers, and returns what they come to. So what a method
of the client does is written once, without a network: `Transport.perform` and `AsyncTransport.perform` carry it out.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

__all__ = ["JSON", "REQUEST_ID", "SAFETENSORS", "Exchange", "Receiver", "Request", "TransferProgress", "headers_of"]

JSON = "application/json"
SAFETENSORS = "application/vnd.safetensors"
REQUEST_ID = "X-Request-ID"

T = TypeVar("T")

TransferProgress: TypeAlias = Callable[[int, int], object]
"""Told, again and again, how many bytes have been transferred, and how many there are."""


class Receiver(Protocol):
    """Where the body of an answer goes piece by piece, instead of into memory."""

    def begin(self, length: int) -> None:
        """A body of so many bytes comes, 0 where that is not said. What came before, of an answer cut off, is void."""
        ...

    def write(self, chunk: bytes) -> None:
        """The next piece of the body."""
        ...

    def finish(self, headers: Mapping[str, str]) -> str:
        """The body is complete; what is wrong with it, or nothing."""
        ...


class Request(NamedTuple):
    """One request.

    Attributes:
        method: the HTTP method.
        path: the path, from the server's root.
        body: the body, if there is one.
        content_type: its media type.
        accept: the media type of the answer.
        headers: further headers.
        idempotent: whether it has one effect however often it is sent.
        sent: told how much of the body is on its way.
        receiver: where the body of a successful answer goes; absent: into the answer.
        meanwhile: what can be done while the answer is waited for, and raises nothing. `AsyncTransport` does it in a
            thread; `Transport` leaves it to whoever needs it.
    """

    method: str
    path: str
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})
    idempotent: bool = True
    sent: TransferProgress | None = None
    receiver: Receiver | None = None
    meanwhile: Callable[[], object] | None = None


Exchange: TypeAlias = Generator[Request | Awaitable[Any], Any, T]
"""What yields requests and is sent an `Answer` to each, or has the error raised where it stands; its return value.

It may also yield what a caller's function returned to be awaited, and is sent what that comes to.
"""


def headers_of(request: Request, request_id: str) -> dict[str, str]:
    """The headers that a request is sent with, beside those of all requests.

    Args:
        request: the request.
        request_id: under which the server's log has it.
    """
    headers = {"Accept": f"{request.accept}, application/problem+json", REQUEST_ID: request_id, **request.headers}
    if request.body is not None:
        headers["Content-Type"] = request.content_type
    return headers
