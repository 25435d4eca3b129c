"""`AnswerFlow`: large answers go out piece by piece, as fast as their client reads them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asg_executor.api.byte_budget import ByteBudget

__all__ = ["AnswerFlow", "send_body"]

_PIECE = 128 * 1024


class AnswerFlow:
    """ASGI middleware that hands the server a body in pieces, each once those before are read.

    Else the server would copy the whole into the buffer of the connection, and hold it there for a client that reads
    slowly. Until it is sent the body counts among the bytes in flight.

    Args:
        app: what answers the requests.
        budget: where the bytes are counted.
    """

    def __init__(self, app: ASGIApp, budget: ByteBudget) -> None:
        self._app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        budget = self._budget

        async def send_in_pieces(message: Message) -> None:
            if len(message.get("body", b"")) <= _PIECE:
                await send(message)
            else:
                await send_body(message, send, budget)

        await self._app(scope, receive, send_in_pieces if scope["type"] == "http" else send)


async def send_body(message: Message, send: Send, budget: ByteBudget) -> None:
    """Send a message with a body, in pieces where it is large.

    Args:
        message: of the type `http.response.body`.
        send: sends messages.
        budget: where the bytes of a large body are counted.
    """
    body: bytes = message["body"]
    if len(body) <= _PIECE:
        await send(message)
        return
    budget.add(len(body))
    try:
        view = memoryview(body)
        for begin in range(0, len(body) - _PIECE, _PIECE):
            piece = bytes(view[begin : begin + _PIECE])
            await send({"type": message["type"], "body": piece, "more_body": True})
        last = (len(body) - 1) // _PIECE * _PIECE
        await send({**message, "body": bytes(view[last:])})
    finally:
        budget.give_back(len(body))
