"""`read_body`: the bytes of a request's body, within the limits of size, time and memory."""

import asyncio

from starlette.requests import Request

from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.content_coding import Decoder, decoder_for
from asg_executor.api.headers import header
from asg_executor.api.media_types import JSON, SAFETENSORS
from asg_executor.api.problems import ProblemError
from asg_executor.api.waiting import await_until
from asg_executor.settings import Settings

__all__ = ["BodyBytes", "read_body"]

_FREE_BYTES = 65_536
_CLOSE = {"Connection": "close"}  # what is left of the body is not read


class BodyBytes:
    """The room that one request's bodies take.

    The first 64 KiB of them take none: how many requests there are is bounded otherwise, and clients with little to
    send are served whatever others have filled the room with.

    Args:
        budget: what it is taken from.
    """

    __slots__ = ("_budget", "_count", "_free")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._count = 0
        self._free = _FREE_BYTES

    def take(self, count: int) -> None:
        """Take more room.

        Raises:
            ProblemError: there is none.
        """
        free = min(count, self._free)
        self._free -= free
        if count > free:
            self._budget.take(count - free)
            self._count += count - free

    def give_back(self) -> None:
        """Give all of it back."""
        self._budget.give_back(self._count)
        self._count = 0


async def read_body(request: Request, media_type: str, settings: Settings, room: BodyBytes) -> bytes:
    """The body of a request, decompressed.

    Args:
        request: the request.
        media_type: `JSON` or another one: JSON has a limit of its own.
        settings: they hold the limits.
        room: it takes from it what it holds.

    Raises:
        ProblemError: the body is too large, there is no room for it, it did not arrive in time, or it is not compressed
            as it says.
    """
    limit = min(settings.max_body_bytes, settings.max_json_bytes) if media_type == JSON else settings.max_body_bytes
    decoder = decoder_for(header(request, b"content-encoding") or "")
    declared = header(request, b"content-length") or ""
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit, settings)
    body = _Body(limit, settings, room, decoder)
    await _receive(request, settings, body)
    return body.whole()


def _too_large(limit: int, settings: Settings) -> ProblemError:
    hint = ""
    if limit < settings.max_body_bytes:
        hint = f" in JSON; as {SAFETENSORS} it may have {settings.max_body_bytes}"
    return ProblemError("body_too_large", f"a body has at most {limit} bytes here{hint}", headers=_CLOSE)


class _Body:
    """A body as far as it has come."""

    def __init__(self, limit: int, settings: Settings, room: BodyBytes, decoder: Decoder | None) -> None:
        self.received = 0
        self._limit = limit
        self._settings = settings
        self._room = room
        self._decoder = decoder
        self._size = 0
        self._pieces: list[bytes] = []

    async def add(self, chunk: bytes) -> None:
        """Take what has arrived."""
        self.received += len(chunk)
        if self._decoder is None:
            self._keep(chunk)
            return
        for piece in self._decoder.decode(chunk):
            self._keep(piece)
            await asyncio.sleep(0)  # a few bytes may be many pieces; others have their turn in between

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise _too_large(self._limit, self._settings)
        self._room.take(len(piece))
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """The body, which has arrived."""
        if self._decoder is not None:
            self._decoder.finish()
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


async def _receive(request: Request, settings: Settings, body: _Body) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.body_timeout_seconds
    more = True
    while more:
        try:
            message = await await_until(min(loop.time() + settings.body_stall_seconds, end), request.receive())
        except TimeoutError:
            late = f"it took more than {settings.body_timeout_seconds:g} seconds"
            if loop.time() < end:
                late = f"nothing came for {settings.body_stall_seconds:g} seconds"
            reason = f"the body did not arrive in time: {late}; {body.received} bytes had come"
            raise ProblemError("body_timeout", reason, headers=_CLOSE) from None
        if message["type"] == "http.disconnect":
            raise ProblemError("client_disconnected", "the connection was closed before the body had arrived")
        await body.add(message.get("body", b""))
        more = message.get("more_body", False)
