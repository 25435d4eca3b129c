"""What `asg serve --show-settings` shows: every setting, its value, and where it came from."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from asg_executor.settings_sources import LoadedSettings
from asg_executor.store.location import data_directory

__all__ = ["settings_json", "settings_table"]

_MASK = "********"
_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")


def settings_table(loaded: LoadedSettings) -> str:
    """The settings as a table for a person.

    Args:
        loaded: the settings.

    Returns:
        Lines of name, value and origin. Secrets are masked, and passwords in URLs.
    """
    rows = [(name, _text(value), loaded.origins[name]) for name, value in _values(loaded).items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}\n" for name, value, origin in rows)


def settings_json(loaded: LoadedSettings) -> str:
    """The settings as JSON for a program: `{name: {"value": …, "origin": …}}`, masked likewise.

    Args:
        loaded: the settings.
    """
    values = _values(loaded)
    return json.dumps({name: {"value": values[name], "origin": loaded.origins[name]} for name in values}, indent=2)


def _values(loaded: LoadedSettings) -> Mapping[str, Any]:
    settings = loaded.settings
    shown = {name: _shown(getattr(settings, name)) for name in type(settings).model_fields}
    return {**shown, "data_dir": _shown(data_directory(settings))}


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, tuple):
        return [_shown(item) for item in cast("tuple[object, ...]", value)]
    return _PASSWORD.sub(rf"\1{_MASK}@", str(value)) if isinstance(value, str | Path) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
