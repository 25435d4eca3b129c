"""`Content-Digest` (RFC 9530): a checksum of an answer's bytes, for whoever keeps them in a file."""

import base64
import hashlib

from starlette.responses import Response

__all__ = ["with_content_digest"]


def with_content_digest(response: Response) -> Response:
    """The same response, with the SHA-256 of its body among its headers."""
    digest = base64.b64encode(hashlib.sha256(response.body).digest()).decode()
    response.headers["Content-Digest"] = f"sha-256=:{digest}:"
    return response
