"""The bodies of the model repository extension. Clients of Triton send them without a media type, or with another."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import Field, StrictBool

from asg_executor.api.bodies import Body, parse_json_body
from asg_executor.api.media_types import JSON
from asg_executor.api.tenant_service import TenantService

__all__ = ["IndexBody", "LoadBody", "UnloadBody", "read_repository_body"]

B = TypeVar("B", bound=Body)


class IndexBody(Body):
    """Which models are listed."""

    ready: StrictBool = Field(default=False, description="Whether only models that are ready are listed; all are.")


class LoadBody(Body):
    """How a model is loaded."""

    parameters: dict[str, Any] = Field(default={}, description="A configuration and files; there can be none.")


class UnloadBody(Body):
    """How a model is unloaded."""

    parameters: dict[str, Any] = Field(default={}, description="Without effect.")


async def read_repository_body(request: Request, service: TenantService, kind: type[B]) -> B:
    """The body of a request, which is JSON whatever its media type; an empty one is `{}`.

    Raises:
        ProblemError: it cannot be read.
    """
    content = await service.body_bytes(request, JSON)
    return kind.check(parse_json_body(content) if content else {})
