"""How the bodies of requests stand in the OpenAPI description."""

from typing import Any

from asg_executor.api.bodies import Body
from asg_executor.api.body_schema import body_schema
from asg_executor.api.media_types import JSON

__all__ = ["body_documentation", "json_documentation"]


def json_documentation(kind: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body that is read by `TenantService.json_body`."""
    return {"requestBody": {"required": False, "content": {JSON: {"schema": body_schema(kind)}}}}


def body_documentation(kind: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body that is read by `TenantService.body`."""
    binary = {"type": "string", "format": "binary", "description": f"`{kind.tensor_field}` as the tensors, by name"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": body_schema(kind)},
                "application/vnd.safetensors": {"schema": binary},
            },
        }
    }
