"""`DirectDispatch`: requests find a `DirectRoute` at once."""

from collections.abc import Iterable

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from asg_executor.api.direct_route import DirectRoute

__all__ = ["DirectDispatch"]


class DirectDispatch:
    """ASGI middleware that answers the requests of direct routes; all others go on to FastAPI.

    FastAPI goes through its routers for each request, and wraps each answer in layers for dependencies that end after
    it: 60 µs, as long as a small inference. What an endpoint raises here is a matter for `RequestContext`.

    Args:
        app: what answers the other requests.
        routes: the direct routes, which the application has, too. No other route of it has one of their paths.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[DirectRoute]) -> None:
        self._app = app
        self._routes = [(route.path_regex, route.methods, route, route.get_route_handler()) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not scope.get("root_path"):  # a mounted application is FastAPI's matter
            path = scope["path"]
            for pattern, methods, route, handle in self._routes:
                match = pattern.match(path)
                if match is not None and scope["method"] in methods:
                    scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, match.groupdict()
                    response = await handle(Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)
