"""By which a route has the service: `RunAccess`, `TrainAccess`, `AdminAccess` and `PublicAccess`.

A route declares which scope it needs by the type of its parameter, and has no other way to the service:

```python
@router.get("/{session_id}")
async def get_session(session_id: str, service: RunAccess) -> Response: ...
```
"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security.base import SecurityBase

from asg_executor.access.principal import NOBODY, Scope
from asg_executor.api.authentication import BEARER, authenticate
from asg_executor.api.service import Service
from asg_executor.api.tenant_service import TenantService

__all__ = ["Access", "AdminAccess", "PublicAccess", "RunAccess", "TrainAccess"]


class Access(SecurityBase):
    """The dependency by which a route has the service; as a `SecurityBase` it stands in the OpenAPI description.

    Args:
        scope: what whoever sends the request needs.
    """

    model = BEARER
    scheme_name = "key"

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> TenantService:  # FastAPI would call a plain function in a thread
        """The service as a request sees it.

        Raises:
            ProblemError: the request may not have what is needed.
        """
        service: Service = request.scope["app"].state.service
        return TenantService(service, authenticate(request, service, self.scope))


async def _public(request: Request) -> TenantService:
    return TenantService(request.app.state.service, NOBODY)


PublicAccess = Annotated[TenantService, Depends(_public)]
"""For what anybody may know, with or without a key."""

RunAccess = Annotated[TenantService, Security(Access(Scope.RUN), scopes=[Scope.RUN])]
"""For reading, and for running graphs."""

TrainAccess = Annotated[TenantService, Security(Access(Scope.TRAIN), scopes=[Scope.TRAIN])]
"""For what changes graphs, sessions or jobs."""

AdminAccess = Annotated[TenantService, Security(Access(Scope.ADMIN), scopes=[Scope.ADMIN])]
"""For what concerns all tenants."""
