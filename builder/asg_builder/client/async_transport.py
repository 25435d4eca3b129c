"""Requests over the network, for asyncio. `transport` has what both ways of sending have in common."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast
from uuid import uuid4

import httpx
import tenacity

from asg_builder.client.answer import NO_CONTENT, Answer, answer_to, note
from asg_builder.client.errors import ClientError
from asg_builder.client.options import SendOptions, common_headers, is_local
from asg_builder.client.request import Exchange, Request, headers_of
from asg_builder.client.retry_budget import RetryBudget
from asg_builder.client.retrying import may_repeat, stop_after, wait_before_repetition
from asg_builder.client.transport import (
    check_open,
    check_received,
    checked_url,
    http_timeout,
    is_awaited,
    lower_case,
    sent_in_pieces,
)
from asg_builder.client.transport_failures import connection_failure

__all__ = ["AsyncHttpTransport", "AsyncTransport"]

AsyncHttpTransport: TypeAlias = httpx.AsyncBaseTransport
"""httpx's transport for asyncio, for tests and proxies."""

T = TypeVar("T")


class AsyncTransport:
    """A connection to one executor. Arguments and attributes are those of `Transport`."""

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
        http: AsyncHttpTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = checked_url(url)
        self.options = SendOptions(timeout, retries, total_timeout).checked()
        self._http = httpx.AsyncClient(
            headers=common_headers(api_key, headers), transport=http, trust_env=not is_local(url)
        )
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
    ) -> "AsyncTransport":
        """The same connection with other options; what is absent stays as it is.

        Raises:
            AsgError: a timeout is not above 0, or `retries` is negative.
        """
        other = copy(self)
        other.options = self._options.changed(timeout, retries, total_timeout)
        return other

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def perform(self, exchange: Exchange[T]) -> T:
        """Carry an exchange out: send what it asks, one request after the other, and return what it comes to.

        Raises:
            ClientError: a request failed, and the exchange did not deal with that.
        """
        try:
            item = next(exchange)
            while True:
                try:
                    answer: Any = await (self.send(item) if isinstance(item, Request) else item)
                except BaseException as error:  # the exchange deals with it, or ends by it
                    item = exchange.throw(error)
                else:
                    item = exchange.send(answer)
        except StopIteration as done:
            return cast("T", done.value)

    async def send(self, request: Request) -> Answer:
        """Send a request until an answer comes.

        Raises:
            AsgError: the client is closed.
            ConnectionFailed: no answer came.
            ServiceError: the executor refused.
            UnexpectedAnswer: what answered is no executor.
        """
        check_open(self._http)
        if request.meanwhile is None:
            return await self._send_repeatedly(request)
        beside = asyncio.ensure_future(asyncio.to_thread(request.meanwhile))
        try:
            return await self._send_repeatedly(request)
        finally:
            await beside

    async def _send_repeatedly(self, request: Request) -> Answer:
        headers = headers_of(request, uuid4().hex)
        started = time.monotonic()
        try:
            answer = await self._send_once(request, headers)
        except ClientError as error:
            failure = error
        else:
            self._budget.succeeded()
            note(answer)
            return answer
        # Only now, because even to prepare repetitions takes time.
        answer = await self._repeat(request, headers, failure, time.monotonic() - started)
        note(answer)
        return answer

    async def _repeat(
        self, request: Request, headers: Mapping[str, str], failure: ClientError, seconds: float
    ) -> Answer:
        """Send a request again whose first attempt has failed after so many seconds, if it may be."""
        failed = [failure]

        async def attempt() -> Answer:
            if failed:
                raise failed.pop()
            return await self._send_once(request, headers)

        repeated = tenacity.AsyncRetrying(
            stop=stop_after(self._options.retries, self._options.total_timeout - seconds, self._budget),
            wait=wait_before_repetition,
            retry=tenacity.retry_if_exception(partial(may_repeat, idempotent=request.idempotent)),
            sleep=self._sleep,
            reraise=True,
        )
        answer: Answer = await repeated(attempt)
        self._budget.succeeded(repeated.statistics["attempt_number"] - 1)
        return answer

    async def _send_once(self, request: Request, headers: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        try:
            response, body = await self._respond(request, headers)
        except httpx.RequestError as error:
            raise connection_failure(request, self.url, error, headers, self.diagnose()) from error
        elapsed = time.perf_counter() - started
        return answer_to(request, self.url, response.status_code, lower_case(response.headers), body, elapsed)

    async def _respond(self, request: Request, headers: Mapping[str, str]) -> tuple[httpx.Response, bytes]:
        url = self.url + request.path  # a whole URL, because httpx parses a relative one twice
        pieces, sized = sent_in_pieces(request, headers)
        content = _asynchronous(pieces) if isinstance(pieces, Iterator) else pieces
        if request.receiver is None:
            response = await self._http.request(
                request.method, url, content=content, headers=sized, timeout=self._timeout
            )
            return response, response.content
        async with self._http.stream(
            request.method, url, content=content, headers=sized, timeout=self._timeout
        ) as response:
            if not is_awaited(request, response):
                return response, await response.aread()
            request.receiver.begin(int(response.headers.get("content-length", 0)))
            async for piece in response.aiter_bytes():
                request.receiver.write(piece)
            check_received(request.receiver, request, self.url, headers, response)
            return response, b""

    @asynccontextmanager
    async def stream_lines(
        self, path: str, *, accept: str, headers: Mapping[str, str] | None = None, timeout: float
    ) -> AsyncGenerator[AsyncIterator[str] | None]:
        """The lines of an answer to a GET as they come, in `async with`; None where it says that there is nothing more.

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
            async with self._http.stream("GET", self.url + path, headers=sent, timeout=limits) as response:
                if not is_awaited(request, response):
                    found = lower_case(response.headers)
                    answer_to(request, self.url, response.status_code, found, await response.aread())
                yield None if response.status_code == NO_CONTENT else response.aiter_lines()
        except httpx.RequestError as error:
            raise connection_failure(request, self.url, error, sent, self.diagnose()) from error


async def _asynchronous(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
