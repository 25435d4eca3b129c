"""Requests over the network, one after the other. Only the modules of transports know httpx."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast
from uuid import uuid4

import httpx
import tenacity

from asg_builder.client.answer import NO_CONTENT, Answer, answer_to, note
from asg_builder.client.errors import ClientError, ConnectionFailed
from asg_builder.client.options import SendOptions, base_url, common_headers, is_local
from asg_builder.client.request import (
    JSON,
    REQUEST_ID,
    SAFETENSORS,
    Exchange,
    Receiver,
    Request,
    TransferProgress,
    headers_of,
)
from asg_builder.client.retry_budget import RetryBudget
from asg_builder.client.retrying import may_repeat, stop_after, wait_before_repetition
from asg_builder.client.transport_direct import DirectConnections, is_direct
from asg_builder.client.transport_failures import connection_failure
from asg_schema.errors import AsgError

__all__ = [
    "JSON",
    "SAFETENSORS",
    "Answer",
    "HttpTransport",
    "Transport",
    "check_open",
    "check_received",
    "checked_url",
    "chunks",
    "http_timeout",
    "is_awaited",
    "lower_case",
]

HttpTransport: TypeAlias = httpx.BaseTransport
"""httpx's transport, for tests and proxies."""

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_CHUNK_BYTES = 256 * 1024


class Transport:
    """A connection to one executor.

    Args:
        url: its address, such as `http://127.0.0.1:8765`.
        api_key: sent as a bearer token; None sends none.
        timeout: how many seconds may pass without anything from the server.
        retries: how often a request is repeated at most.
        total_timeout: the seconds, waits included, after which no repetition begins.
        retry_budget: how many repetitions all requests have together; see `RetryBudget`.
        headers: sent with every request.
        http: httpx's transport; absent: the network.
        sleep: how to wait between repetitions, in seconds.

    Attributes:
        url: its address, without a slash at its end.
        diagnose: asked, where no answer came, what is known of the server; appended to the error.

    Raises:
        ValueError: `url` is no address of HTTP.
        AsgError: a timeout is not above 0, a number of repetitions is negative, or the key or a header cannot be sent.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retries: int = 4,
        total_timeout: float = 600.0,
        retry_budget: float = 100.0,
        headers: Mapping[str, str] | None = None,
        http: HttpTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = checked_url(url)
        self.options = SendOptions(timeout, retries, total_timeout).checked()
        common = common_headers(api_key, headers)
        self._http = httpx.Client(headers=common, transport=http, trust_env=not is_local(url))
        self._direct = DirectConnections(self.url, common) if http is None and is_direct(url) else None
        self._sleep = sleep
        self._budget = RetryBudget(retry_budget)
        self.diagnose: Callable[[], str] = lambda: ""

    @property
    def options(self) -> SendOptions:
        """How requests are sent."""
        return self._options

    @options.setter
    def options(self, options: SendOptions) -> None:
        self._options = options
        self._timeout = http_timeout(options)

    def with_options(
        self, *, timeout: float | None = None, retries: int | None = None, total_timeout: float | None = None
    ) -> "Transport":
        """The same connection with other options; what is absent stays as it is.

        Raises:
            AsgError: a timeout is not above 0, or `retries` is negative.
        """
        other = copy(self)
        other.options = self._options.changed(timeout, retries, total_timeout)
        return other

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        if self._direct is not None:
            self._direct.close()

    def perform(self, exchange: Exchange[T]) -> T:
        """Carry an exchange out: send what it asks, one request after the other, and return what it comes to.

        Raises:
            AsgError: a function of the caller returned something to be awaited.
            ClientError: a request failed, and the exchange did not deal with that.
        """
        try:
            item = next(exchange)
            while True:
                try:
                    answer = self.send(item) if isinstance(item, Request) else _refuse_to_await(item)
                except BaseException as error:  # the exchange deals with it, or ends by it
                    item = exchange.throw(error)
                else:
                    item = exchange.send(answer)
        except StopIteration as done:
            return cast("T", done.value)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        headers: Mapping[str, str] | None = None,
        idempotent: bool,
    ) -> Answer:
        """Send a request until an answer comes.

        Args:
            method: the HTTP method.
            path: the path, from the server's root.
            body: the body, if there is one.
            content_type: its media type.
            accept: the media type of the answer.
            headers: further headers.
            idempotent: whether the request has one effect however often it is sent.

        Raises:
            ConnectionFailed: no answer came.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        return self.send(Request(method, path, body, content_type, accept, headers or {}, idempotent))

    def send(self, request: Request) -> Answer:
        """Send a request until an answer comes.

        Raises:
            AsgError: the client is closed.
            ConnectionFailed: no answer came.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        check_open(self._http)
        headers = headers_of(request, uuid4().hex)
        started = time.monotonic()
        try:
            answer = self._send_once(request, headers)
        except ClientError as error:
            failure = error
        else:
            self._budget.succeeded()
            note(answer)
            return answer
        # Only now, because even to prepare repetitions takes time.
        answer = self._repeat(request, headers, failure, time.monotonic() - started)
        note(answer)
        return answer

    def _repeat(self, request: Request, headers: Mapping[str, str], failure: ClientError, seconds: float) -> Answer:
        """Send a request again whose first attempt has failed after so many seconds, if it may be."""
        failed = [failure]

        def attempt() -> Answer:
            if failed:
                raise failed.pop()
            return self._send_once(request, headers)

        repeated = tenacity.Retrying(
            stop=stop_after(self._options.retries, self._options.total_timeout - seconds, self._budget),
            wait=wait_before_repetition,
            retry=tenacity.retry_if_exception(partial(may_repeat, idempotent=request.idempotent)),
            sleep=self._sleep,
            reraise=True,
        )
        answer = repeated(attempt)
        self._budget.succeeded(repeated.statistics["attempt_number"] - 1)
        return answer

    def _send_once(self, request: Request, headers: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        try:
            status, found, body = self._respond(request, headers)
        except httpx.RequestError as error:
            raise connection_failure(request, self.url, error, headers, self.diagnose()) from error
        elapsed = time.perf_counter() - started
        return answer_to(request, self.url, status, found, body, elapsed)

    def _respond(self, request: Request, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self._direct is not None and request.receiver is None and request.sent is None:
            limits = {"timeout": self._options.timeout, "connect_timeout": self._timeout.connect or 0.0}
            return self._direct.request(request.method, request.path, request.body, headers, **limits)
        response, body = self._respond_in_pieces(request, headers)
        return response.status_code, lower_case(response.headers), body

    def _respond_in_pieces(self, request: Request, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
        url = self.url + request.path  # a whole URL, because httpx parses a relative one twice
        content, sized = sent_in_pieces(request, headers)
        if request.receiver is None:
            response = self._http.request(request.method, url, content=content, headers=sized, timeout=self._timeout)
            return response, response.content
        with self._http.stream(request.method, url, content=content, headers=sized, timeout=self._timeout) as response:
            if not is_awaited(request, response):
                return response, response.read()
            request.receiver.begin(int(response.headers.get("content-length", 0)))
            for piece in response.iter_bytes():
                request.receiver.write(piece)
            check_received(request.receiver, request, self.url, headers, response)
            return response, b""

    @contextmanager
    def stream_lines(
        self, path: str, *, accept: str, headers: Mapping[str, str] | None = None, timeout: float
    ) -> Generator[Iterator[str] | None]:
        """The lines of an answer to a GET as they come, in `with`; None where it says that there is nothing more.

        It is sent once, and not repeated.

        Args:
            path: the path, from the server's root.
            accept: the media type of the answer.
            headers: further headers.
            timeout: how many seconds may go by without anything arriving.

        Raises:
            AsgError: the client is closed.
            ConnectionFailed: no answer came, or it broke off.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        check_open(self._http)
        request = Request("GET", path, accept=accept, headers=headers or {})
        sent = headers_of(request, uuid4().hex)
        limits = http_timeout(self._options._replace(timeout=timeout))
        try:
            with self._http.stream("GET", self.url + path, headers=sent, timeout=limits) as response:
                if not is_awaited(request, response):
                    answer_to(request, self.url, response.status_code, lower_case(response.headers), response.read())
                yield None if response.status_code == NO_CONTENT else response.iter_lines()
        except httpx.RequestError as error:
            raise connection_failure(request, self.url, error, sent, self.diagnose()) from error


def _refuse_to_await(awaitable: Any) -> Any:
    if hasattr(awaitable, "close"):
        awaitable.close()  # so that Python does not warn of a coroutine that was never awaited
    raise AsgError(
        "a callback returned something to be awaited; give it to an AsyncSession, or let it be a plain function"
    )


def check_open(http: httpx.Client | httpx.AsyncClient) -> None:
    """Refuse a connection that was closed.

    Raises:
        AsgError: it was.
    """
    if http.is_closed:
        raise AsgError("the client is closed; nothing can be asked through it any more")


def http_timeout(options: SendOptions) -> httpx.Timeout:
    """The limits of one answer."""
    return httpx.Timeout(options.timeout, connect=min(options.timeout, _CONNECT_SECONDS))


def checked_url(url: str) -> str:
    """The address that paths are appended to.

    Raises:
        ValueError: it is no address of HTTP, or has more than a host, a port and a path.
    """
    base = base_url(url)
    try:
        httpx.URL(base)
    except httpx.InvalidURL as error:
        raise ValueError(f'"{url}" is no address: {error}') from None
    return base


def lower_case(headers: httpx.Headers) -> dict[str, str]:
    """Headers by name in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def sent_in_pieces(
    request: Request, headers: Mapping[str, str]
) -> tuple[bytes | Iterator[bytes] | None, Mapping[str, str]]:
    """The content and the headers of a request: where somebody is told of its progress, the content in pieces."""
    if request.sent is None or request.body is None:
        return request.body, headers
    return chunks(request.body, request.sent), {**headers, "Content-Length": str(len(request.body))}


def chunks(body: bytes, sent: TransferProgress) -> Iterator[bytes]:
    """A body in pieces; `sent` is told of each once the next is asked for."""
    sent(0, len(body))
    for begin in range(0, len(body), _CHUNK_BYTES):
        yield body[begin : begin + _CHUNK_BYTES]
        sent(min(begin + _CHUNK_BYTES, len(body)), len(body))


def is_awaited(request: Request, response: httpx.Response) -> bool:
    """Whether a response is the one whose body the request's receiver waits for."""
    return response.is_success and response.headers.get("content-type", "").partition(";")[0].strip() == request.accept


def check_received(
    receiver: Receiver, request: Request, url: str, headers: Mapping[str, str], response: httpx.Response
) -> None:
    """Let a receiver look at what it has received.

    Raises:
        ConnectionFailed: it is not what the server sent.
    """
    if fault := receiver.finish(lower_case(response.headers)):
        raise ConnectionFailed(
            f"{request.method} {url}{request.path}: {fault}", sent=True, request_id=headers[REQUEST_ID]
        )
