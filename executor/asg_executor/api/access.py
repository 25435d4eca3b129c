"""`/v1/access`: what the key of a request stands for."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from asg_executor.access.principal import Scope
from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.service import Access
from asg_executor.api.bodies import json_response
from asg_executor.api.scoped_access import RunAccess

__all__ = ["router"]

router = APIRouter(tags=["access"])


@router.get("/v1/access", responses=answers(Access))
async def access(service: RunAccess) -> Response:
    """The key's id (null without a key), its tenant and scopes, and how much of the tenant's quotas is used."""
    principal, settings = service.principal, service.settings
    used = service.whole.sessions.usage(principal.tenant)
    on_disk = await asyncio.to_thread(service.whole.disk.used, principal.tenant)
    return json_response(
        {
            "key": principal.key,
            "tenant": principal.tenant,
            "scopes": [scope for scope in Scope if principal.may(scope)],
            "quotas": {
                "sessions": {"used": used.sessions, "maximum": settings.tenant_max_sessions},
                "bytes": {"used": used.bytes, "maximum": settings.tenant_max_bytes},
                "disk_bytes": {"used": on_disk, "maximum": settings.tenant_max_disk_bytes},
            },
        }
    )
