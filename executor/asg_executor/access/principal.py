"""`Principal`: whom a request acts for, and what it may do."""

from enum import StrEnum
from functools import cache
from typing import NamedTuple

__all__ = ["ANYONE", "NOBODY", "Principal", "Scope"]


class Scope(StrEnum):
    """What a key allows."""

    RUN = "run"
    """Reading, and running graphs: nothing that changes a session."""

    TRAIN = "train"
    """Everything that changes the tenant's own graphs, sessions and jobs; includes `run`."""

    ADMIN = "admin"
    """The metrics, and the sessions and jobs of all tenants; includes `train`."""

    def includes(self, other: "Scope") -> bool:
        """Whether who has this scope has the other one, too."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {scope: rank for rank, scope in enumerate(Scope)}


class Principal(NamedTuple):
    """Whom a request acts for.

    Attributes:
        tenant: whose graphs, sessions and jobs it sees.
        scopes: what it may do.
        key: the id of the key that it came with; None where none is needed.
    """

    tenant: str
    scopes: frozenset[Scope]
    key: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether a scope is among its own, or is included in one."""
        return scope in _included(self.scopes)


@cache
def _included(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """The scopes and all that they include; there are eight sets of them."""
    return frozenset(other for other in Scope if any(own.includes(other) for own in scopes))


ANYONE = Principal("", frozenset({Scope.ADMIN}))
"""Who comes without a key where none is needed: on the machine's own addresses."""

NOBODY = Principal("", frozenset())
"""Whom a request acts for that asks for what anybody may know."""
