"""`/healthz`: whether the service lives, and whether it takes work."""

from fastapi import APIRouter
from starlette.responses import Response

from asg_executor.api.bodies import json_response
from asg_executor.api.scoped_access import PublicAccess

__all__ = ["router"]

router = APIRouter(prefix="/healthz", tags=["health"])


@router.get("/live")
async def live() -> Response:
    """Whether the process answers."""
    return json_response({"live": True})


@router.get("/ready", responses={503: {"description": "The service is shutting down."}})
async def ready(service: PublicAccess) -> Response:
    """Whether new work is taken; 503 while the service shuts down."""
    if service.pool.draining:
        return json_response({"ready": False}, 503, {"Retry-After": "1"})
    return json_response({"ready": True})
