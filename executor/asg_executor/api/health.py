"""`/healthz`: whether the service lives, and whether it takes work."""

from fastapi import APIRouter
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.service import Live, Ready
from asg_executor.api.bodies import json_response
from asg_executor.api.scoped_access import PublicAccess

__all__ = ["READY", "router"]

READY = {**answers(Ready), **answers(Ready, 503, description="The service is shutting down.")}
"""How OpenAPI describes the answers of what tells whether the service takes work."""

router = APIRouter(prefix="/healthz", tags=["health"])


@router.get("/live", responses=answers(Live))
async def live() -> Response:
    """Whether the process answers."""
    return json_response({"live": True})


@router.get("/ready", responses=READY)
async def ready(service: PublicAccess) -> Response:
    """Whether new work is taken; 503 while the service shuts down."""
    if service.pool.draining:
        return json_response({"ready": False}, 503, {"Retry-After": "1"})
    return json_response({"ready": True})
