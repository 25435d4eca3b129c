"""`DirectRoute`: a route that is called often, without the machinery of FastAPI that it makes no use of."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, get_args, get_origin

from fastapi import Request
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.responses import Response
from typing_extensions import override

__all__ = ["DirectRoute"]

_Source = Callable[[Request], Any]


class DirectRoute(APIRoute):
    """A route whose endpoint takes parts of the path as texts, the request, and dependencies on the request alone.

    FastAPI describes it as any other in the OpenAPI document. What it would do at each request, to read and check
    parameters that such an endpoint does not have, takes 0.2 ms, a good part of a small step.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = self.endpoint
        texts, requests, dependencies = self._parameters()

        async def handle(request: Request) -> Response:
            path: Mapping[str, str] = request.scope["path_params"]
            given: dict[str, Any] = {name: path[name] for name in texts}
            for name in requests:
                given[name] = request
            for name, dependency in dependencies.items():
                given[name] = await dependency(request)
            return await endpoint(**given)

        return handle

    def _parameters(self) -> tuple[list[str], list[str], dict[str, _Source]]:
        """The endpoint's parameters: parts of the path, requests, and dependencies, by name."""
        texts: list[str] = []
        requests: list[str] = []
        dependencies: dict[str, _Source] = {}
        for name, parameter in inspect.signature(self.endpoint).parameters.items():
            annotation = parameter.annotation
            if annotation is str and f"{{{name}}}" in self.path:
                texts.append(name)
            elif annotation is Request:
                requests.append(name)
            else:
                dependencies[name] = _dependency(annotation, f"{name} of {self.path}")
        return texts, requests, dependencies


def _dependency(annotation: Any, what: str) -> _Source:
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, Depends) and mark.dependency is not None:
                own = inspect.signature(mark.dependency).parameters.values()
                if [parameter.annotation for parameter in own] == [Request]:
                    return mark.dependency
    raise TypeError(
        f"{what}: a direct route takes texts of the path, the request, and dependencies on the request alone"
    )
