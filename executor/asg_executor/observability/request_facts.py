"""`request_facts`: what is known of the request that is being answered, for every record and span that it leads to."""

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING

from starlette.types import Scope

if TYPE_CHECKING:
    from asg_executor.access.principal import Principal

__all__ = ["current_scope", "request_facts", "session_of"]

current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)
"""The ASGI scope of the request that is being answered, in its own thread and in those that compute for it."""

_SESSION = re.compile(r"[0-9a-f]{32}\Z")
_OF_STATE = ("request_id", "trace_id", "span_id")


def request_facts() -> dict[str, str]:
    """The ids of the current request, of its trace, of whom it acts for, and of its session, as far as they are known.

    A key is named by its id. What a client made up, such as the id of a session that cannot be one, is left out.
    """
    scope = current_scope.get()
    if scope is None:
        return {}
    state = scope.get("state", {})
    facts: dict[str, str] = {name: state[name] for name in _OF_STATE if name in state}
    principal: Principal | None = state.get("principal")
    if principal is not None:
        facts |= {"tenant": principal.tenant} if principal.tenant else {}
        facts |= {"key": principal.key} if principal.key else {}
    session = session_of(scope)
    return facts if session is None else {**facts, "session": session}


def session_of(scope: Scope) -> str | None:
    """The id of the session in a request's path, if it has one that can be one."""
    id: str = scope.get("path_params", {}).get("session_id", "")
    return id if _SESSION.match(id) else None
