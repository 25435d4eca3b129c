"""A direct route gives an endpoint what it asks for, and refuses, when it is declared, one that asks for more."""

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import JSONResponse, Response

from asg_executor.api.direct_route import DirectRoute


async def _method(request: Request) -> str:
    return request.method


def test_an_endpoint_gets_what_it_asks_for() -> None:
    router = APIRouter(route_class=DirectRoute)

    @router.put("/things/{name}/parts/{number}")
    async def put(name: str, number: str, request: Request, method: Annotated[str, Depends(_method)]) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse([name, number, request.url.path, method])

    app = FastAPI()
    app.include_router(router)
    transport = httpx.ASGITransport(app)

    async def ask(method: str, path: str) -> Any:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.request(method, path)).json()

    assert asyncio.run(ask("PUT", "/things/a%20b/parts/7")) == ["a b", "7", "/things/a b/parts/7", "PUT"]
    described = asyncio.run(ask("GET", "/openapi.json"))["paths"]["/things/{name}/parts/{number}"]["put"]
    assert [item["name"] for item in described["parameters"]] == ["name", "number"]


def _wants_an_integer(name: int) -> Response:
    return Response(str(name))


def _wants_a_query(name: str, page: Annotated[str, Query()]) -> Response:
    return Response(name + page)


def _wants_a_dependency_on_more(method: Annotated[Any, Depends(_wants_a_query)]) -> Response:
    return Response(str(method))


@pytest.mark.parametrize("endpoint", [_wants_an_integer, _wants_a_query, _wants_a_dependency_on_more])
def test_an_endpoint_that_asks_for_more_is_refused(endpoint: Any) -> None:
    router = APIRouter(route_class=DirectRoute)
    with pytest.raises(TypeError, match="a direct route takes"):
        router.add_api_route("/things/{name}", endpoint)
