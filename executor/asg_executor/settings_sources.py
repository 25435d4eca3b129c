"""`load_settings`: the settings from options, the environment and a file, and where each of them came from."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource

from asg_executor.settings import Settings
from asg_schema.errors import AsgError
from asg_schema.wire import nearest

__all__ = ["CONFIG_VARIABLE", "LoadedSettings", "SettingsError", "load_settings", "unknown_variables"]

_PREFIX = "ASG_"
CONFIG_VARIABLE = "ASG_CONFIG"
"""The variable that names the settings' file."""

_OTHERS = frozenset({CONFIG_VARIABLE, "ASG_API_KEY"})  # the second one is the client's


class SettingsError(AsgError):
    """The settings are not valid: wrong usage."""


class LoadedSettings(NamedTuple):
    """Settings, and where they are from.

    Attributes:
        settings: the settings.
        origins: for each setting `option`, `environment`, `default`, or the file's name.
    """

    settings: Settings
    origins: Mapping[str, str]


def load_settings(options: Mapping[str, Any], file: Path | None = None) -> LoadedSettings:
    """The settings: options come before the environment, that before the file, that before the defaults.

    Args:
        options: the settings that the command line gives, by name.
        file: a TOML file with settings; absent: the one that `ASG_CONFIG` names, if it is set.

    Raises:
        SettingsError: the file cannot be read or has an unknown setting, or a value is not valid. It names each fault
            with the place that it came from.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if file is None and named:
        file = Path(named)
    layers = [
        ("option", dict(options)),
        ("environment", EnvSettingsSource(Settings)()),
        *([] if file is None else [(str(file), _read_file(file))]),
    ]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, layer in reversed(layers):
        values |= layer
        origins |= dict.fromkeys(layer, origin)
    try:
        return LoadedSettings(Settings(**values), origins)
    except ValidationError as error:
        raise SettingsError(_message(error, origins)) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings in {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}") from None
    known = list(Settings.model_fields)
    unknown = [f"there is no setting {name}{nearest(name, known)}" for name in values if name not in known]
    if unknown:
        raise SettingsError("\n".join([f"{path}: the settings are not valid:", *unknown]))
    return values


def _message(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = ["the settings are not valid:"]
    for fault in error.errors():
        name = str(fault["loc"][0])
        given = "" if _is_secret(name) else f", not {fault['input']!r}"
        lines.append(f"{_place(name, origins[name])}: {fault['msg'].removeprefix('Value error, ')}{given}")
    return "\n".join(lines)


def _is_secret(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))


def _place(name: str, origin: str) -> str:
    """Where a person finds a value to mend it."""
    if origin == "option":
        return f"--{name.replace('_', '-')}"
    return f"{_PREFIX}{name.upper()}" if origin == "environment" else f"{origin}: {name}"


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """What is to be said of the variables that look like settings and are none.

    Args:
        environment: the process's environment.
    """
    known = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    return [
        f"{name} is no setting and is ignored{nearest(name, known)}"
        for name in sorted(environment)
        if name.startswith(_PREFIX) and name not in _OTHERS and name not in known
    ]
