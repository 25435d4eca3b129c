"""What surrounds every request: its id, the refusal of other web sites, and the last resort for errors."""

import asyncio
import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from random import Random
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asg_executor.api.headers import first_headers
from asg_executor.api.problems import ProblemError, problem_for

__all__ = ["REQUEST_ID", "RequestContext", "identified", "refuse_strangers", "stopped"]

REQUEST_ID = b"x-request-id"
"""The header with the id of a request, as ASGI has it."""

_ACCEPTABLE = re.compile(r"[A-Za-z0-9_.:\-]{1,64}\Z")
_RANDOM = Random()  # a request's id is no secret, and so many random bytes of the system take a microsecond
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestContext:
    """ASGI middleware that gives each request an id and answers whatever no handler answered.

    The id is the client's `X-Request-ID` where it sends a reasonable one, else a new one; the response names it. A
    request that changes something and comes from a page of another web site (its `Origin` is not this host) is
    refused, because a browser sends it without asking the user. So is, on a service that is for this machine alone,
    one to a host name other than that of this machine: a web site's own name may be made to lead here, and then its
    pages would be of this host (DNS rebinding).

    Args:
        app: what answers the requests.
        names: the host names, in lower case, under which the service may be reached beside IP addresses; None for any.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = identified(scope)
        request_id = headers.request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id.encode())]
            await send(message)

        try:
            refuse_strangers(scope["method"], headers, self._names)
            await self._app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # The server stops: it has waited long enough for this answer.
            if not started:
                await stopped().response(scope["path"], request_id)(scope, receive, send_with_id)
            raise
        except Exception as error:  # the last resort: whatever it is, it is logged, and the client gets a problem
            problem = problem_for(error)
            if started:
                raise
            await problem.response(scope["path"], request_id)(scope, receive, send_with_id)


class _Headers(NamedTuple):
    """What matters of every request: the id that it has or is given, its host, and its origin, if it has one."""

    request_id: str
    host: str
    origin: str | None


def identified(scope: Scope) -> _Headers:
    """Give a request its id, which stands in its state from then on; what its headers say, the first of each name."""
    found = first_headers(scope)
    own = found.get(REQUEST_ID, b"").decode("latin-1")
    request_id = own if own and _ACCEPTABLE.match(own) else f"{_RANDOM.getrandbits(128):032x}"
    scope.setdefault("state", {})["request_id"] = request_id
    origin = found.get(b"origin")
    host = found.get(b"host", b"").decode("latin-1")
    return _Headers(request_id, host, None if origin is None else origin.decode("latin-1"))


def stopped() -> ProblemError:
    """What a request is answered that the server did not wait for any longer when it stopped."""
    return ProblemError("draining", "the server stopped before the answer was there; it may be under way")


def refuse_strangers(method: str, headers: _Headers, names: Collection[str] | None) -> None:
    """Refuse requests to names that the service does not have, and from pages of other web sites.

    Args:
        method: the request's.
        headers: the request's, as `identified` returns them.
        names: as for `RequestContext`.

    Raises:
        ProblemError: it is refused.
    """
    _refuse_other_hosts(headers, names)
    _refuse_other_sites(method, headers)


def _refuse_other_hosts(headers: _Headers, names: Collection[str] | None) -> None:
    if names is None:
        return
    host = headers.host.lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name in names or _is_address(name):
        return
    raise ProblemError("unknown_host", f'this service is reached as {" or ".join(sorted(names))}, not as "{host}"')


@lru_cache(256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refuse_other_sites(method: str, headers: _Headers) -> None:
    if method in _SAFE_METHODS or headers.origin is None:
        return
    if headers.origin.partition("://")[2] != headers.host:
        raise ProblemError("cross_origin", f"this request comes from {headers.origin}, a page of another web site")
