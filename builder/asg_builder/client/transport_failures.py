"""`connection_failure`: what httpx says of a request that has no answer, as the client's own error."""

import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from asg_builder.client.errors import ConnectionFailed, TimedOut, TlsFailed
from asg_builder.client.request import REQUEST_ID, Request

__all__ = ["connection_failure"]

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def connection_failure(
    request: Request, url: str, error: httpx.RequestError, headers: Mapping[str, str], known: str
) -> ConnectionFailed:
    """The error of a request that has no answer.

    Args:
        request: what was asked.
        url: the executor's address.
        error: what httpx says of it.
        headers: the headers with which it was sent.
        known: what is known of the server, or nothing.
    """
    kind, hint = _kind_and_hint(error, url)
    what = "timed out" if isinstance(error, httpx.TimeoutException) else "got no answer"
    reason = str(error) or type(error).__name__
    message = "; ".join(filter(None, [f"{request.method} {url}{request.path} {what}: {reason}", known or hint]))
    return kind(message, sent=not isinstance(error, _NEVER_SENT), request_id=headers[REQUEST_ID])


def _kind_and_hint(error: httpx.RequestError, url: str) -> tuple[type[ConnectionFailed], str]:
    """What became of a connection, and what can be done about it."""
    causes = set(map(type, _causes(error)))
    if isinstance(error, httpx.ConnectError) and any(issubclass(cause, ssl.SSLError) for cause in causes):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return TlsFailed, "the environment variable SSL_CERT_FILE names a file of further certificates to trust"
        return TlsFailed, "a server without TLS has an address that begins with http://"
    if isinstance(error, httpx.TimeoutException):
        return TimedOut, ""
    if socket.gaierror in causes:
        return ConnectionFailed, f'the host name in "{url}" is not known'
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailed, 'no executor listens there; "asg serve" starts one, Client.local() one of its own'
    return ConnectionFailed, ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
