"""`asg diff`."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from asg_autograd.diff import Change, Difference
from asg_autograd.diff import diff as difference_between
from asg_schema.command_line import failing_with, read_document, write_text

__all__ = ["diff"]

_DIFFERENT, _TROUBLE = 1, 2
_STYLES = {"-": "red", "+": "green", "!": "yellow"}


@failing_with(_TROUBLE)
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="A document; - is standard input.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="What it is compared with; - likewise.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")] = False,
) -> None:
    """Tell what two documents compute differently: - is the first, + the second, ! what computes something else.

    The exit status is that of diff: 0 if the documents mean the same, 1 if they differ, 2 if that cannot be said.
    """
    if first == second == "-":
        raise typer.BadParameter("only one of the two documents can come from standard input")
    difference = difference_between(read_document(first), read_document(second))
    if as_json:
        write_text(json.dumps({"same": difference.same, **_json(difference)}, indent=2, ensure_ascii=False) + "\n")
    elif difference.same:
        write_text(f"the same meaning, digest {difference.digests[0][:12]}\n")
    else:
        _print_lines(_lines(difference, first, second))
    if not difference.same:
        raise typer.Exit(_DIFFERENT)


def _json(difference: Difference) -> dict[str, object]:
    return {
        "digests": list(difference.digests),
        **{section: [change._asdict() for change in changes] for section, changes in _sections(difference)},
        "dependents": difference.dependents,
    }


def _sections(difference: Difference) -> list[tuple[str, tuple[Change, ...]]]:
    names = ("inputs", "parameters", "nodes", "outputs")
    return [(name, getattr(difference, name)) for name in names]


def _lines(difference: Difference, first: str, second: str) -> Iterator[str]:
    yield f"--- {first}  (digest {difference.digests[0][:12]})"
    yield f"+++ {second}  (digest {difference.digests[1][:12]})"
    for section, changes in _sections(difference):
        further = difference.dependents if section == "nodes" else 0
        if changes or further:
            yield ""
            yield section
        for change in changes:
            if change.before == change.after:
                yield f"! {change.before}"
                continue
            yield from (f"- {change.before}" for _ in [change.before] if change.before is not None)
            yield from (f"+ {change.after}" for _ in [change.after] if change.after is not None)
        if further:
            yield f"  {further:,} more differ{'s' if further == 1 else ''} only by operands that do"


def _print_lines(lines: Iterator[str]) -> None:
    if not sys.stdout.isatty():
        write_text("".join(f"{line}\n" for line in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        console.print(Text(line, style=_STYLES.get(line[:1], "")), soft_wrap=True)
