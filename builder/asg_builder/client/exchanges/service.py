"""What the executor says of itself."""

from typing import Any

from asg_builder.client.exchanges.asking import get
from asg_builder.client.request import Exchange

__all__ = ["get_info"]


def get_info() -> Exchange[dict[str, Any]]:
    """What it understands."""
    return (yield from get("/v1")).json()
