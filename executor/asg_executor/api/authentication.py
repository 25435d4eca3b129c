"""Whom a request acts for: what its header `Authorization` says (RFC 6750)."""

from fastapi import Request
from fastapi.openapi.models import HTTPBearer

from asg_executor.access.keys import KeyRefusedError
from asg_executor.access.principal import ANYONE, Principal, Scope
from asg_executor.api.headers import header
from asg_executor.api.problems import ProblemError
from asg_executor.api.service import Service

__all__ = ["BEARER", "authenticate"]

BEARER = HTTPBearer(
    bearerFormat="asg_<8 hexadecimal digits>_<43 characters>",
    description="An access key, as `asg keys create` makes it. A service that listens on an address of its own machine "
    "alone needs none, unless `ASG_REQUIRE_KEY` is set.",
)
"""How OpenAPI describes the header."""

_SCHEME = "bearer "
_CHALLENGE = 'Bearer realm="asg"'


def authenticate(request: Request, service: Service, scope: Scope) -> Principal:
    """Whom a request acts for. From then on `request.state.principal` is that, for the log.

    A key that is sent counts, whether one is needed or not. What is sent by another scheme is no key: a proxy may have
    asked for it.

    Args:
        request: the request.
        service: the service that it came to.
        scope: what is needed for it.

    Raises:
        ProblemError: a key is needed and there is none; the one that was sent is not good; or it does not allow this.
        StoreError: the keys cannot be read.
    """
    principal = _principal(header(request, b"authorization"), service)
    request.scope["state"]["principal"] = principal  # which is request.state.principal
    if not principal.may(scope):
        own = ", ".join(sorted(principal.scopes))
        raise ProblemError(
            "forbidden",
            f'the key {principal.key} has the scope "{own}", and this needs "{scope}"; asg keys create --scope {scope} '
            "makes one that has it",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
        )
    return principal


def _principal(header: str | None, service: Service) -> Principal:
    if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
        if not service.key_required:
            return ANYONE
        raise ProblemError(
            "unauthorized",
            "this service needs a key: send the header Authorization: Bearer <key>, which Python's Client does with "
            "api_key=… or ASG_API_KEY; asg keys create makes one",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    try:
        if service.keys is None:
            raise KeyRefusedError("this service has no data directory, and knows no keys; send none")
        return service.keys.authenticate(header[len(_SCHEME) :].strip())
    except KeyRefusedError as error:
        refused = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
        raise ProblemError("unauthorized", str(error), headers=refused) from None
