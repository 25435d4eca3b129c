"""Which media types a request is in and which its client accepts."""

from collections.abc import Sequence

from starlette.requests import Request

from asg_executor import safetensors_bytes
from asg_executor.api.problems import ProblemError

__all__ = ["JSON", "SAFETENSORS", "accepted_type", "body_type"]

JSON = "application/json"
SAFETENSORS = safetensors_bytes.MEDIA_TYPE
_FORM = "application/x-www-form-urlencoded"


def body_type(request: Request) -> str:
    """The media type of the request's body: `JSON` or `SAFETENSORS`.

    A body without a Content-Type is JSON, and so is one that is declared a web form: that is what `curl -d` and
    Python's urllib say of any body. Pages of other web sites, which could send such bodies too, are refused by their
    `Origin` (see `asg_executor.api.request_context`).

    Raises:
        ProblemError: it is another one.
    """
    header = request.headers.get("content-type")
    if header is None:
        return JSON
    essence, _, parameters = header.partition(";")
    essence = essence.strip().lower()
    if essence == SAFETENSORS:
        return SAFETENSORS
    charset = parameters.strip().lower()
    if (essence in (JSON, _FORM) or essence.endswith("+json")) and charset in ("", "charset=utf-8", 'charset="utf-8"'):
        return JSON
    message = f'the body is "{header}"; {JSON} in UTF-8 or {SAFETENSORS} is needed'
    raise ProblemError("unsupported_media_type", message)


def accepted_type(request: Request, offered: Sequence[str] = (JSON, SAFETENSORS)) -> str:
    """The media type to answer in: the one that the client's `Accept` prefers; the first one offered on a tie.

    Raises:
        ProblemError: the client accepts none of them.
    """
    header = ", ".join(request.headers.getlist("accept"))
    if not header.strip():
        return offered[0]
    ranges = [_range(part) for part in header.split(",") if part.strip()]
    best, quality = offered[0], 0.0
    for media_type in offered:
        # The most specific range that matches a type decides its quality (RFC 9110, section 12.5.1).
        matching = [(len(name), q) for name, q in ranges if _matches(name, media_type)]
        own = max(matching)[1] if matching else 0.0
        if own > quality:
            best, quality = media_type, own
    if quality == 0.0:
        raise ProblemError("not_acceptable", f'the client accepts "{header}"; {" and ".join(offered)} are offered')
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (item.strip().lower() for item in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                raise ProblemError("not_acceptable", f'the quality "{parameter}" in Accept is not a number') from None
    return name, quality


def _matches(pattern: str, media_type: str) -> bool:
    return pattern in ("*/*", media_type, f"{media_type.partition('/')[0]}/*")
