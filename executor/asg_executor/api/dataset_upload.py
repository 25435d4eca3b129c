"""`receive_dataset`: a data set on its way from a request's body to the disk."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import Request

from asg_executor.api.problems import ProblemError
from asg_executor.api.tenant_service import TenantService
from asg_executor.datasets.dataset import DatasetInfo
from asg_executor.datasets.receiving import DatasetWriter
from asg_executor.settings import Settings

__all__ = ["receive_dataset"]

_PIECE = 2**20


async def receive_dataset(
    request: Request, service: TenantService, tenant: str, check: Callable[[Mapping[str, str]], None]
) -> tuple[DatasetInfo, bool]:
    """Keep the data set in a request's safetensors body.

    Args:
        request: the request.
        service: the service.
        tenant: whose it is to be.
        check: called with the texts of the body's header before its data has come; it refuses the body by raising.

    Returns:
        What is known of the data set, and whether it is new.

    Raises:
        ProblemError: the body is too large, or does not arrive in time.
        InvalidDatasetError: it is no data set.
        DiskQuotaError: the tenant would have too much on the disk.
        StoreError: it could not be kept.
    """
    limit, quota = service.settings.max_dataset_bytes, service.settings.tenant_max_dataset_bytes
    if quota is not None:
        limit = min(limit, quota)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise ProblemError(
            "unsupported_media_type", f'the body is compressed with "{coding}"; a data set is sent as it is'
        )
    store = service.datasets
    writer = await asyncio.to_thread(store.receive, check)
    try:
        with service.awaiting_client():
            await _write(request, writer, limit, service.settings)
        received = await asyncio.to_thread(writer.finish)
        if not await asyncio.to_thread(store.has, tenant, received.digest):
            await asyncio.to_thread(service.whole.disk.check, tenant, "the data set", received.bytes)
        return await asyncio.to_thread(store.add, tenant, received, quota)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(writer.give_up))
        raise


async def _write(request: Request, writer: DatasetWriter, limit: int, settings: Settings) -> None:
    """Write the body, a piece at a time. Each piece has some time to come, so that a slow client ends, too."""
    received, more = 0, True
    while more:
        piece, more = await _piece(request, settings, received)
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        await asyncio.to_thread(writer.write, piece)


async def _piece(request: Request, settings: Settings, received: int) -> tuple[bytes, bool]:
    """The next bytes of a body, and whether there may be more.

    Args:
        request: the request.
        settings: how long the piece may take, and how long nothing may come.
        received: how many bytes came before.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.body_timeout_seconds
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout_at(end) as timeout:
            while more and size < _PIECE:
                timeout.reschedule(min(loop.time() + settings.body_stall_seconds, end))
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError("client_disconnected", "the connection was closed before the body had arrived")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                more = message.get("more_body", False)
    except TimeoutError:
        stalled, whole = settings.body_stall_seconds, settings.body_timeout_seconds
        message = (
            f"nothing came for {stalled:g} seconds, or less than {_PIECE} bytes in {whole:g}; {received + size} bytes "
            "of the body had come"
        )
        raise ProblemError("body_timeout", message, headers={"Connection": "close"}) from None
    return b"".join(chunks), more


def _too_large(limit: int) -> ProblemError:
    return ProblemError("body_too_large", f"a data set has at most {limit} bytes here", headers={"Connection": "close"})
