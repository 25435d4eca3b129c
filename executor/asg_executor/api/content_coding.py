"""Content codings of bodies (RFC 9110, section 8.4.1): gzip and deflate, decompressed piece by piece."""

import zlib
from collections.abc import Iterator

from asg_executor.api.problems import ProblemError

__all__ = ["ENCODINGS", "Decoder", "decoder_for"]

ENCODINGS = ("gzip", "deflate")
"""The content codings that a body may have."""

_PIECE = 256 * 1024  # of decompressed bytes: about a millisecond
_GZIP, _ZLIB = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS


class Decoder:
    """Decompresses a body as it arrives, never more than a piece at a time.

    Args:
        encoding: one of `ENCODINGS`.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._window = _GZIP if encoding == "gzip" else _ZLIB
        self._stream = zlib.decompressobj(self._window)
        self._begun = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes that a chunk is decompressed to, piece by piece.

        Raises:
            ProblemError: the chunk is not compressed so.
        """
        while chunk:
            self._begun = True
            if self._stream.eof:
                if self._encoding != "gzip":
                    raise self._problem("bytes follow its end")
                self._stream = zlib.decompressobj(self._window)  # a gzip body may have several members
            try:
                piece = self._stream.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise self._problem(str(error)) from None
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            yield piece

    def finish(self) -> None:
        """Check that the body has come to its end.

        Raises:
            ProblemError: it is cut off.
        """
        if self._begun and not self._stream.eof:
            raise self._problem("it ends too early")

    def _problem(self, reason: str) -> ProblemError:
        return ProblemError("invalid_body", f"the body is not valid {self._encoding}: {reason}")


def decoder_for(header: str) -> Decoder | None:
    """What undoes the coding that a `Content-Encoding` names; None where there is none.

    Raises:
        ProblemError: it is another one, or there are several.
    """
    if not header:
        return None
    encoding = header.strip().lower().removeprefix("x-")
    if encoding in ("", "identity"):
        return None
    if encoding not in ENCODINGS:
        message = f'the body has the Content-Encoding "{header}"; {" or ".join(ENCODINGS)}, or none, is needed'
        raise ProblemError("unsupported_media_type", message, headers={"Accept-Encoding": ", ".join(ENCODINGS)})
    return Decoder(encoding)
