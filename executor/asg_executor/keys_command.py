"""The commands `asg keys create`, `asg keys list` and `asg keys revoke`."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asg_schema.command_line import CommandError, write_text

if TYPE_CHECKING:
    from asg_executor.access.keys import Key, KeyStore

__all__ = ["create_key", "list_keys", "revoke_key"]

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TOKEN = re.compile(r"asg_([0-9a-f]{8})_.*\Z")

DataDirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The data directory of the server; absent: that of the settings (ASG_DATA_DIR, ASG_CONFIG).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")]


def create_key(
    name: Annotated[str, typer.Option(help="What the key is for; shown in lists.")],
    tenant: Annotated[
        str, typer.Option(help="Whose graphs, sessions and jobs it opens; absent: those of requests without a key.")
    ] = "",
    scope: Annotated[str, typer.Option(help="What it allows: run, train (run, too) or admin (all).")] = "train",
    expires_in: Annotated[
        str | None, typer.Option(help="How long it is good, such as 12h, 90d or 4w; absent: until it is revoked.")
    ] = None,
    data_dir: DataDirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an access key and print it, once: only its hash is kept.

    A server that is running knows the key at once.
    """
    from asg_executor.access.key_files import opened_keys
    from asg_executor.access.principal import Scope

    if scope not in list(Scope):
        raise CommandError(f'there is no scope "{scope}"; {", ".join(Scope)} are known')
    lifetime = None if expires_in is None else _seconds(expires_in)
    directory = _directory(data_dir)
    with opened_keys(directory) as keys:
        token, key = keys.create(name, tenant, Scope(scope), lifetime)
        described = _describe(key, keys)
    if as_json:
        write_text(json.dumps({**described, "key": token}, indent=2) + "\n")
        return
    write_text(f"{token}\n")
    # On standard error, so that KEY=$(asg keys create …) has the key alone.
    typer.echo(
        f"The key {key.id} is shown only now. It is sent as the header Authorization: Bearer <key>; Python's Client "
        f"takes it from ASG_API_KEY, or as api_key=….\nIt is for the server whose data is in {directory}.",
        err=True,
    )


def list_keys(data_dir: DataDirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the access keys, without what is secret of them."""
    from asg_executor.access.key_files import opened_keys

    directory = _existing(data_dir)
    with opened_keys(directory) as keys:
        described = [_describe(key, keys) for key in keys.list()]
    if as_json:
        write_text(json.dumps(described, indent=2) + "\n")
    elif described:
        _write_table(described)
    else:
        write_text(f"There are no keys in {directory}; asg keys create makes one.\n")


def revoke_key(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as asg keys list shows it.")],
    data_dir: DataDirectoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an access key be good no more. A server that is running refuses it at once."""
    from asg_executor.access.key_files import opened_keys

    whole = _TOKEN.match(id)  # whoever found a key that leaked has it whole
    with opened_keys(_existing(data_dir)) as keys:
        described = _describe(keys.revoke(whole[1] if whole else id), keys)
    if as_json:
        write_text(json.dumps(described, indent=2) + "\n")
    else:
        write_text(f'The key {described["id"]} ("{described["name"]}") is revoked since {described["revoked"]}.\n')


def _directory(given: Path | None) -> Path:
    """The data directory that is meant, by the same rule as for `asg serve`."""
    from asg_executor.settings_sources import load_settings
    from asg_executor.store.location import data_directory

    found = data_directory(load_settings({} if given is None else {"data_dir": given}).settings)
    if found is None:
        raise CommandError("a server on port 0 has no data directory of its own; name one with --data-dir")
    return found


def _existing(given: Path | None) -> Path:
    directory = _directory(given)
    if not directory.is_dir():
        raise CommandError(f"there is no data directory {directory}; asg serve and asg keys create make one")
    return directory


def _seconds(text: str) -> int:
    match = _DURATION.match(text)
    if match is None:
        raise CommandError(f'"{text}" is no duration: a number and s, m, h, d or w are needed, such as 90d')
    return int(match[1]) * _SECONDS[match[2]]


def _describe(key: "Key", keys: "KeyStore") -> dict[str, Any]:
    state = "good" if keys.is_good(key) else "expired" if key.revoked is None else "revoked"
    times = {name: _time(getattr(key, name)) for name in ("created", "expires", "revoked")}
    return {**key._asdict(), **times, "state": state}


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _write_table(described: list[dict[str, Any]]) -> None:
    columns = ("id", "name", "tenant", "scope", "created", "expires", "state")
    rows = [[str(item[column] or "-") for column in columns] for item in described]
    if sys.stdout.isatty():
        _print_table(columns, rows)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        write_text("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        style = "" if row[-1] == "good" else "dim"
        table.add_row(*map(Text, row), style=style)
    Console().print(table)
