"""Every route of the application, and what it takes to be let in."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute

from asg_executor.access.principal import Scope
from asg_executor.app import create_app
from asg_executor.settings import Settings

__all__ = ["Operation", "bearer", "operations"]

_PUBLIC = {
    ("GET", "/v1"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("GET", "/healthz/live"),
    ("GET", "/healthz/ready"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
}
"""What anybody may ask, with or without a key."""

_ADMIN = {("GET", "/metrics")}
_READING_POSTS = ("/run", "/infer", "/v2/repository/index", "/load", "/unload")
"""How the paths end of what is POSTed and changes nothing: models are loaded as long as they are there."""


class Operation(NamedTuple):
    """A method of a path.

    Attributes:
        method: the HTTP method.
        path: the path, with its parameters in braces.
        route: the route itself.
    """

    method: str
    path: str
    route: Any

    @property
    def name(self) -> str:
        """For the names of tests."""
        return f"{self.method} {self.path}"

    @property
    def needs(self) -> Scope | None:
        """The scope that it has to need, by what it does; None for what is for anybody."""
        if self[:2] in _PUBLIC:
            return None
        if self[:2] in _ADMIN:
            return Scope.ADMIN
        reads = self.method in ("GET", "HEAD") or (self.method == "POST" and self.path.endswith(_READING_POSTS))
        return Scope.RUN if reads else Scope.TRAIN

    @property
    def declares(self) -> Scope | None:
        """The scope that its dependencies ask for; None where they ask for none."""
        if not isinstance(self.route, APIRoute):
            return None
        scopes = [getattr(item.call, "scope", None) for item in self.route.dependant.dependencies]
        found = [scope for scope in scopes if isinstance(scope, Scope)]
        return found[0] if found else None


def operations(app: FastAPI | None = None) -> list[Operation]:
    """Every operation of an application; absent: of the executor's."""
    app = app or create_app(Settings(data_dir=None))
    return [
        Operation(method, route.path, route)
        for route in _routes(app.routes)
        for method in sorted(getattr(route, "methods", None) or ["GET"])
    ]


def _routes(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if hasattr(route, "path") and hasattr(route, "endpoint"):
            yield route
        elif inner is not None:
            yield from _routes(inner.routes)
        else:
            raise AssertionError(f"what is behind the route {route!r} is not known")


def bearer(token: str) -> dict[str, str]:
    """The header that a key is sent in."""
    return {"Authorization": f"Bearer {token}"}
