"""Nothing of it is described."""

from typing import Any

def __getattr__(name: str) -> Any: ...
