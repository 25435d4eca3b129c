"""Answers that are compressed: gzip, and deflate, which in HTTP is the zlib format (RFC 9110, section 8.4.1.2)."""

import gzip
import zlib

from starlette.requests import Request

from asg_executor.api.headers import header

__all__ = ["compress", "wanted_coding"]

_GZIP, _DEFLATE = "gzip", "deflate"
_LEVEL = 1  # tensors hardly compress, and the others are there as well


def wanted_coding(request: Request) -> str | None:
    """The coding that a client wants its answer in.

    Only a client that names one coding alone gets a compressed answer: HTTP libraries send a list of all that they
    know without being asked, and compressing floats takes longer than sending them.
    """
    if header(request, b"accept-encoding") is None:
        return None
    codings: list[str] = []
    for part in ", ".join(request.headers.getlist("accept-encoding")).split(","):
        name, _, quality = part.strip().lower().partition(";")
        if name not in ("", "identity") and quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            codings.append(name)
    return codings[0] if len(codings) == 1 and codings[0] in (_GZIP, _DEFLATE) else None


def compress(content: bytes, coding: str) -> bytes:
    """The bytes in `gzip` or `deflate`."""
    return gzip.compress(content, _LEVEL, mtime=0) if coding == _GZIP else zlib.compress(content, _LEVEL)
