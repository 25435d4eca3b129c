"""Answers about the service itself: what it can do, how it is, and what its client may do."""

from pydantic import with_config
from typing_extensions import TypedDict

from asg_executor.access.principal import Scope
from asg_executor.api.answers.values import CLOSED, Count
from asg_schema.dtype import DType

__all__ = ["Access", "Capabilities", "Live", "Quota", "Quotas", "Ready"]


@with_config(CLOSED)
class Quota(TypedDict):
    """How much of something a tenant has."""

    used: Count
    """How much it has."""

    maximum: Count | None
    """How much it may have; null for no bound of its own."""


@with_config(CLOSED)
class Quotas(TypedDict):
    """How much a tenant has of what is bounded."""

    sessions: Quota
    """Sessions."""

    bytes: Quota
    """Bytes of its sessions in memory."""

    disk_bytes: Quota
    """Bytes on the disk."""


@with_config(CLOSED)
class Access(TypedDict):
    """What the key of a request stands for."""

    key: str | None
    """The key's id; null without a key."""

    tenant: str
    """Whose graphs, sessions and jobs the request sees."""

    scopes: list[Scope]
    """What it may do."""

    quotas: Quotas
    """How much of its quotas the tenant has used."""


@with_config(CLOSED)
class Capabilities(TypedDict):
    """What the service understands, and its limits."""

    format_version: Count
    """The newest version of the format that is read."""

    version: str
    """The service's own version."""

    ops: list[str]
    """The ops that a document may have."""

    dtypes: list[DType]
    """The types of elements that a tensor may have."""

    engines: list[str]
    """The engines that are at hand."""

    engine: str
    """The one that runs what names none."""

    optimizers: list[str]
    """The kinds of optimizers."""

    schedules: list[str]
    """The kinds of schedules of a learning rate."""

    limits: dict[str, float | None]
    """The limits, by the names of their settings; null for none."""


@with_config(CLOSED)
class Live(TypedDict):
    """Whether the process answers."""

    live: bool
    """It does."""


@with_config(CLOSED)
class Ready(TypedDict):
    """Whether new work is taken."""

    ready: bool
    """Not while the service shuts down."""
