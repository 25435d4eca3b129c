"""What `asg serve --show-settings` shows: every setting, its value, and where it came from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from asg_executor.settings_sources import LoadedSettings

__all__ = ["settings_json", "settings_table"]

_MASK = "********"


def settings_table(loaded: LoadedSettings) -> str:
    """The settings as a table for a person.

    Args:
        loaded: the settings.

    Returns:
        Lines of name, value and origin. Secrets are masked.
    """
    rows = [(name, _text(value), loaded.origins[name]) for name, value in _values(loaded).items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}\n" for name, value, origin in rows)


def settings_json(loaded: LoadedSettings) -> str:
    """The settings as JSON for a program: `{name: {"value": …, "origin": …}}`. Secrets are masked.

    Args:
        loaded: the settings.
    """
    values = _values(loaded)
    return json.dumps({name: {"value": values[name], "origin": loaded.origins[name]} for name in values}, indent=2)


def _values(loaded: LoadedSettings) -> Mapping[str, Any]:
    fields = type(loaded.settings).model_fields
    return {name: _shown(getattr(loaded.settings, name)) for name in fields}


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return _MASK
    return str(value) if isinstance(value, Path) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
