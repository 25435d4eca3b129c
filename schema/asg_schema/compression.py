"""Documents in gzip: the same bytes for the same text, and never more memory than the limit when read."""

import gzip
import io
import zlib

__all__ = ["MOST_BYTES", "CompressionError", "compressed", "decompressed", "is_compressed"]

MOST_BYTES = 4 * 2**30
"""What a compressed file may hold at most. A document of a million nodes has about a twentieth of it."""

_MAGIC = b"\x1f\x8b"  # how a gzip file begins, and neither JSON nor UTF-8 does
_PIECE = 2**20
_LEVEL = 6


class CompressionError(ValueError):
    """Bytes are not a whole gzip file, or hold more than the limit."""


def is_compressed(content: bytes) -> bool:
    """Whether bytes begin as a gzip file does."""
    return content.startswith(_MAGIC)


def compressed(content: bytes) -> bytes:
    """A gzip file, whose bytes depend on nothing but `content`: it has no name and no time."""
    target = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target, mtime=0) as file:
        file.write(content)
    return target.getvalue()


def decompressed(content: bytes, most: int | None = None) -> bytes:
    """What a gzip file holds, all members of it.

    Args:
        content: the file.
        most: how many bytes it may hold; absent: `MOST_BYTES`.

    Raises:
        CompressionError: it is not a whole gzip file, or holds more.
    """
    limit = MOST_BYTES if most is None else most
    pieces: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                if size > limit:
                    raise CompressionError(f"it holds more than {limit:,} bytes when decompressed")
                pieces.append(piece)
    except gzip.BadGzipFile as error:
        raise CompressionError(str(error)) from None
    except (EOFError, zlib.error) as error:
        raise CompressionError(f"not a whole gzip file: {error}") from None
    return b"".join(pieces)
