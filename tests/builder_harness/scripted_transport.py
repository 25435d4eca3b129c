"""A server that answers as it is told, asked by a `Transport` or an `AsyncTransport`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import httpx

from asg_builder.client.answer import Answer
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.request import Exchange, Request
from asg_builder.client.transport import Transport

__all__ = ["KINDS", "Kind", "Reply", "Script", "fine", "problem"]

Kind: TypeAlias = Literal["sync", "async"]
KINDS: tuple[Kind, ...] = ("sync", "async")
Reply: TypeAlias = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Script:
    """A server that gives these answers, one after the other.

    Args:
        kind: which transport asks.
        replies: the answers: responses, errors of the network, or functions of the request.
        options: those of the transport.

    Attributes:
        requests: what it was asked.
        waits: how long the transport waited before each repetition, in seconds.
    """

    def __init__(self, kind: Kind, *replies: Reply, **options: Any) -> None:
        self.kind = kind
        self.replies: list[Reply] = list(replies)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.options = options

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The next answer; the request has been read whole."""
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)  # may be given again

    def send(self, request: Request) -> Answer:
        """Send a request; its answer."""

        def asked() -> Exchange[Answer]:
            answer: Answer = yield request
            return answer

        return self.perform(asked())

    def ask(self, method: str, path: str, *, body: bytes | None = None, idempotent: bool = True) -> Answer:
        """Send a request; its answer."""
        return self.send(Request(method, path, body, idempotent=idempotent))

    def perform(self, exchange: Exchange[Any]) -> Any:
        """Carry an exchange out."""
        if self.kind == "sync":
            http = httpx.MockTransport(self.answer)
            return Transport("http://executor", http=http, sleep=self.waits.append, **self.options).perform(exchange)
        return asyncio.run(self._perform(exchange))

    async def _perform(self, exchange: Exchange[Any]) -> Any:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        http = httpx.MockTransport(self.answer)
        transport = AsyncTransport("http://executor", http=http, sleep=sleep, **self.options)
        try:
            return await transport.perform(exchange)
        finally:
            await transport.close()


def fine() -> httpx.Response:
    return httpx.Response(200, json={"ok": True})


def problem(status: int, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    content = {"status": status, "code": "some_code", "detail": "what is wrong", "retryable": status == 503, **fields}
    return httpx.Response(
        status, content=json.dumps(content), headers={"content-type": "application/problem+json", **(headers or {})}
    )
