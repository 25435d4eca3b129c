"""`/metrics`: what the service does and takes."""

import asyncio
import hmac
from typing import Annotated

from fastapi import APIRouter, Request, Security
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from typing_extensions import override

from asg_executor.access.principal import NOBODY, Scope
from asg_executor.api.scoped_access import Access
from asg_executor.api.tenant_service import TenantService

__all__ = ["router"]

router = APIRouter(tags=["metrics"])


class _MetricsAccess(Access):
    """Access by a key with the scope `admin`, or by the token that the settings have for the metrics alone."""

    @override
    async def __call__(self, request: Request) -> TenantService:
        token = request.app.state.service.settings.metrics_token
        if token is not None:
            wanted = f"Bearer {token.get_secret_value()}".encode()
            if hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
                return TenantService(request.app.state.service, NOBODY)
        return await super().__call__(request)


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics(
    service: Annotated[TenantService, Security(_MetricsAccess(Scope.ADMIN), scopes=[Scope.ADMIN])],
) -> Response:
    """The metrics, in the format of Prometheus."""
    # Some are read from the disk.
    text = await asyncio.to_thread(generate_latest, service.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
