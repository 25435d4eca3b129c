"""`ArrivingBody`: the bytes of a request's body, within the limits of size, time and memory."""

import asyncio

from starlette.requests import Request
from starlette.types import Message

from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.content_coding import decoder_for
from asg_executor.api.headers import header
from asg_executor.api.media_types import JSON, SAFETENSORS
from asg_executor.api.problems import ProblemError
from asg_executor.api.waiting import Begun
from asg_executor.settings import Settings

__all__ = ["ArrivingBody", "BodyBytes"]

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
        self._free -= count
        if self._free < 0:
            excess, self._free = -self._free, 0
            self._budget.take(excess)
            self._count += excess

    def give_back(self) -> None:
        """Give all of it back."""
        self._budget.give_back(self._count)
        self._count = 0


class ArrivingBody:
    """The body of a request, decompressed as it comes.

    First `is_there` is asked; where it is not, `arrive` waits for the rest; then `whole` is the body.

    Args:
        request: the request.
        media_type: `JSON` or another one: JSON has a limit of its own.
        settings: they hold the limits.
        room: it takes from it what it holds.

    Raises:
        ProblemError: the body says that it is too large, or is compressed in a way that is not known.
    """

    def __init__(self, request: Request, media_type: str, settings: Settings, room: BodyBytes) -> None:
        most = settings.max_body_bytes
        self._limit = min(most, settings.max_json_bytes) if media_type == JSON else most
        self._settings = settings
        self._room = room
        self._decoder = decoder_for(header(request, b"content-encoding") or "")
        declared = header(request, b"content-length") or ""
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._limit):
            raise self._too_large()
        self._receive = request.receive
        self._first: Begun[Message] | None = None
        self._received = 0
        self._size = 0
        self._pieces: list[bytes] = []

    def is_there(self) -> bool:
        """Whether all of it has come already, as that of a small request has, so that nobody need wait.

        Raises:
            ProblemError: it is too large, or there is no room for it.
        """
        first = self._first = Begun(self._receive())
        if not first.is_done or self._decoder is not None:
            return False
        message = first.result
        if message.get("more_body", False) or message["type"] != "http.request":
            return False
        self._keep(message.get("body", b""))
        return True

    async def arrive(self) -> None:
        """Wait for what is not there.

        Raises:
            ProblemError: the body is too large, there is no room for it, it did not arrive in time, or it is not
                compressed as it says.
        """
        settings, loop = self._settings, asyncio.get_running_loop()
        end = loop.time() + settings.body_timeout_seconds
        more = True
        while more:
            begun, self._first = self._first or Begun(self._receive()), None
            try:
                message = await begun.until(min(loop.time() + settings.body_stall_seconds, end))
            except TimeoutError:
                late = f"it took more than {settings.body_timeout_seconds:g} seconds"
                if loop.time() < end:
                    late = f"nothing came for {settings.body_stall_seconds:g} seconds"
                reason = f"the body did not arrive in time: {late}; {self._received} bytes had come"
                raise ProblemError("body_timeout", reason, headers=_CLOSE) from None
            if message["type"] == "http.disconnect":
                raise ProblemError("client_disconnected", "the connection was closed before the body had arrived")
            await self._add(message.get("body", b""))
            more = message.get("more_body", False)

    async def _add(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._decoder is None:
            self._keep(chunk)
            return
        for piece in self._decoder.decode(chunk):
            self._keep(piece)
            await asyncio.sleep(0)  # a few bytes may be many pieces; others have their turn in between

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise self._too_large()
        self._room.take(len(piece))
        self._pieces.append(piece)

    def _too_large(self) -> ProblemError:
        hint = ""
        if self._limit < self._settings.max_body_bytes:
            hint = f" in JSON; as {SAFETENSORS} it may have {self._settings.max_body_bytes}"
        return ProblemError("body_too_large", f"a body has at most {self._limit} bytes here{hint}", headers=_CLOSE)

    def whole(self) -> bytes:
        """The body, which has arrived.

        Raises:
            ProblemError: it is compressed, and cut off.
        """
        if self._decoder is not None:
            self._decoder.finish()
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
