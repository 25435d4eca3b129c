"""What OpenAPI says of the service holds for every route: schemathesis asks, with its checks, in this process."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,  # pyright: ignore[reportUnknownVariableType]
    positive_data_acceptance,  # pyright: ignore[reportUnknownVariableType]
)

from asg_executor.app import create_app
from asg_executor.settings import Settings
from executor_harness.in_process import in_process
from executor_harness.regression import REGRESSION

EXAMPLES = 8
KNOWN = ("session_id", "model_name", "digest", "number")
METHODS = ("get", "put", "post", "delete", "patch")


@schemathesis.serializer("application/vnd.safetensors")
def as_it_is(_: Any, value: Any) -> bytes:
    """Any bytes at all: what safetensors are is not said by OpenAPI."""
    return value if isinstance(value, bytes) else str(value).encode()


@asynccontextmanager
async def _unending(_: Any) -> AsyncGenerator[None]:
    yield


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    directory = tmp_path_factory.mktemp("data")
    with in_process(data_dir=directory) as server:
        session = server.create_session()
        digest = server.add_graph(REGRESSION)
    app = create_app(Settings(data_dir=directory, max_sessions=10_000))
    app.router.lifespan_context = _unending  # else the service would end with the first request
    id = session.rpartition("/")[2]
    app.state.known = dict(zip(KNOWN, (id, id, digest, "1"), strict=True))
    yield app
    app.state.service.directory.close()
    app.state.service.pool.close()


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def operations() -> list[tuple[str, str, bool]]:
    """Method and path of every operation that is described, asked about anything, and about what is there."""
    paths: dict[str, Any] = create_app(Settings()).openapi()["paths"]
    found = [(method.upper(), path) for path, item in paths.items() for method in item if method in METHODS]
    named = [
        (method, path) for method, path in found if method != "DELETE" and any(f"{{{it}}}" in path for it in KNOWN)
    ]
    return [*((*operation, False) for operation in found), *((*operation, True) for operation in named)]


@pytest.mark.parametrize(("method", "path", "is_there"), operations())
def test_every_route_is_as_it_is_described(schema: Any, app: FastAPI, method: str, path: str, is_there: bool) -> None:
    known: dict[str, str] = app.state.known if is_there else {}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(schema[path][method].as_strategy())
    def ask(case: Any) -> None:
        parameters: dict[str, Any] = case.path_parameters or {}
        case.path_parameters = {name: known.get(name, value) for name, value in parameters.items()}
        # A key that schemathesis makes up is refused, and nothing behind that would be asked. None is needed here.
        case.headers.pop("Authorization", None)
        # What a body names (a graph, a data set, a tensor) may not be there, whatever its form.
        case.call_and_validate(excluded_checks=[ignored_auth, positive_data_acceptance])

    ask()
