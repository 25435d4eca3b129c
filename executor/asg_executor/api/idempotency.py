"""`Idempotency-Key`: a client's name for its wish, so that it can be sent again."""

import re
from typing import Any

from starlette.requests import Request

from asg_executor.api.problems import ProblemError
from asg_schema.wire import show_value

__all__ = ["IDEMPOTENCY_KEY", "idempotency_key"]

_KEY = re.compile(r"[!-~]{1,255}\Z")

IDEMPOTENCY_KEY: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "description": "The client's name for its wish, so that it can be sent again.",
        }
    ]
}
"""How OpenAPI describes the header."""


def idempotency_key(request: Request) -> str | None:
    """The key that a request was sent with, if there is one.

    Raises:
        ProblemError: it is no key.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.match(key):
        raise ProblemError(
            "invalid_request", f"Idempotency-Key is {show_value(key)}; 1 to 255 visible ASCII characters are needed"
        )
    return key
