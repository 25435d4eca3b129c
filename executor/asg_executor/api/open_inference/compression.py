"""Bodies that are compressed: gzip, and deflate, which in HTTP is the zlib format (RFC 9110, section 8.4.1.2)."""

import gzip
import zlib

from starlette.requests import Request

from asg_executor.api.problems import ProblemError
from asg_schema.wire import show_value

__all__ = ["compress", "decompress", "wanted_coding"]

_GZIP, _DEFLATE = "gzip", "deflate"
_WINDOW = {_GZIP: 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, _DEFLATE: zlib.MAX_WBITS}
_LEVEL = 1  # tensors hardly compress, and the others are there as well


def decompress(content: bytes, request: Request, limit: int) -> bytes:
    """The body of a request without its Content-Encoding.

    Args:
        content: the body as it came.
        request: the request.
        limit: how many bytes there may be; no more are ever in memory.

    Raises:
        ProblemError: the coding is not known, the body is not in it, or it is too large.
    """
    coding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if coding in ("", "identity"):
        return content
    window = _WINDOW.get(coding)
    if window is None:
        message = f"the Content-Encoding is {show_value(coding)}; gzip, deflate or none is needed"
        raise ProblemError("unsupported_media_type", message, headers={"Accept-Encoding": "gzip, deflate"})
    decoder = zlib.decompressobj(window)
    try:
        result = decoder.decompress(content, limit + 1)
    except zlib.error as error:
        raise ProblemError("invalid_body", f"the body is not in {coding}: {error}") from None
    if len(result) > limit:
        raise ProblemError("body_too_large", f"a body has at most {limit} bytes here once it is decompressed")
    if not decoder.eof or decoder.unused_data:
        reason = "it is cut off" if not decoder.eof else f"{len(decoder.unused_data)} bytes follow its end"
        raise ProblemError("invalid_body", f"the body is not in {coding}: {reason}")
    return result


def wanted_coding(request: Request) -> str | None:
    """The coding that a client wants its answer in.

    Only a client that names one coding alone gets a compressed answer: HTTP libraries send a list of all that they
    know without being asked, and compressing floats takes longer than sending them.
    """
    codings: list[str] = []
    for part in ", ".join(request.headers.getlist("accept-encoding")).split(","):
        name, _, quality = part.strip().lower().partition(";")
        if name not in ("", "identity") and quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            codings.append(name)
    return codings[0] if len(codings) == 1 and codings[0] in (_GZIP, _DEFLATE) else None


def compress(content: bytes, coding: str) -> bytes:
    """The bytes in `gzip` or `deflate`."""
    return gzip.compress(content, _LEVEL, mtime=0) if coding == _GZIP else zlib.compress(content, _LEVEL)
