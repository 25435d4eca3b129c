"""The command `asg repair`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asg_schema.command_line import CommandError, write_text

if TYPE_CHECKING:
    from asg_executor.repair.directory import RepairReport

__all__ = ["repair_directory"]


def repair_directory(
    directory: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The data directory, of no running server.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")] = False,
) -> None:
    """Make the database of a data directory anew where it is damaged.

    What is sound of the damaged one is read, row by row, and what it has
    lost is made again from the files of the sessions. The damaged database
    is kept, and the report names all that was found and all that is lost.
    """
    from asg_executor.repair.directory import repair

    if not directory.is_dir():
        raise CommandError(f"there is no data directory {directory}")
    report = repair(directory)
    write_text(json.dumps(vars(report), indent=2) + "\n" if as_json else _text(directory, report))


def _text(directory: Path, report: "RepairReport") -> str:
    if not report.damage:
        return f"The database of {directory} is sound; nothing was changed.\n"
    counts = [f"{count} of {table}" for table, count in sorted(report.rows.items()) if count]
    return "".join(
        [
            _section("What was damaged", report.damage),
            _section("Sound rows", counts),
            _section("Made again from files", report.made),
            _section("Access keys, any other of which is lost; asg keys create makes new ones", report.keys),
            _section("Lost", report.lost),
            f"The database is made anew. The damaged one, and all that was taken away, is in {report.aside}.\n",
        ]
    )


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines or ["none"])]) + "\n\n"
