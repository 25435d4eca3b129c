"""What the executor says of itself."""

from typing import Any

from asg_builder.client.exchanges.asking import get
from asg_builder.client.request import Exchange

__all__ = ["get_access", "get_info"]


def get_access() -> Exchange[dict[str, Any]]:
    """What the key stands for."""
    return (yield from get("/v1/access")).json()


def get_info() -> Exchange[dict[str, Any]]:
    """What it understands."""
    return (yield from get("/v1")).json()
