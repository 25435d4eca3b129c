"""Sections of a listing on a terminal: aligned columns where they fit, and below each other where they do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asg_schema.listing import Section

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["print_sections"]

_STYLES = ("cyan", "", "green", "yellow")
_INDENT = 2
_GAP = 2
_NARROWEST = 24  # what a column that is wrapped needs, to be read with pleasure


def print_sections(heading: str, sections: Sequence[Section], total: str) -> None:
    """Print a listing on the terminal that is standard output.

    Args:
        heading: what stands above it.
        sections: what it holds.
        total: what stands below it; may be empty.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(heading, style="bold"), soft_wrap=True)
    for section in sections:
        console.print()
        console.print(Text(section.title, style="bold magenta"))
        _print_section(console, section)
    if total:
        console.print()
        console.print(Text(total, style="dim"), soft_wrap=True)


def _print_section(console: "Console", section: Section) -> None:
    rows = section.lines
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    longest = widths.index(max(widths))
    others = [width for column, width in enumerate(widths) if column != longest]
    room = console.width - _INDENT - sum(others) - _GAP * len(others)
    for number, row in enumerate(rows):
        styles = ("dim",) * len(row) if section.headed and number == 0 else _STYLES
        if room >= min(widths[longest], _NARROWEST):
            fitting = [*widths[:longest], min(widths[longest], room), *widths[longest + 1 :]]
            _print_aligned(console, row, fitting, styles)
        elif sum(others) + _GAP * len(others) + _INDENT <= console.width:
            _print_below(console, row, longest, others, styles)
        else:
            _print_stacked(console, row, styles)


def _print_aligned(console: "Console", row: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> None:
    """One row in columns; a cell that is too long goes on below, within its column."""
    pieces = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for line in range(max(map(len, pieces))):
        text = _line(" " * _INDENT)
        for column, (lines, width) in enumerate(zip(pieces, widths, strict=True)):
            cell = lines[line] if line < len(lines) else ""
            last = column == len(widths) - 1
            text.append(cell if last else cell.ljust(width + _GAP), style=styles[column])
        text.rstrip()
        console.print(text, soft_wrap=True)


def _print_below(
    console: "Console", row: Sequence[str], longest: int, widths: Sequence[int], styles: Sequence[str]
) -> None:
    """One row in columns, its longest cell behind them where it fits, else below."""
    others = [column for column in range(len(row)) if column != longest]
    text = _line(" " * _INDENT)
    for column, width in zip(others, widths, strict=True):
        text.append(row[column].ljust(width + _GAP), style=styles[column])
    below = len(text) + len(row[longest]) > console.width
    if not below:
        text.append(row[longest], style=styles[longest])
    text.rstrip()
    console.print(text, soft_wrap=True)
    if below:
        _print_wrapped(console, row[longest], 3 * _INDENT, styles[longest])


def _print_stacked(console: "Console", row: Sequence[str], styles: Sequence[str]) -> None:
    """One row with its first cell on a line of its own, and the others indented below."""
    for column, cell in enumerate(row):
        _print_wrapped(console, cell, _INDENT if column == 0 else 3 * _INDENT, styles[column])


def _print_wrapped(console: "Console", cell: str, indent: int, style: str) -> None:
    for piece in _wrapped(cell, max(console.width - indent, 1)) if cell else ():
        text = _line(" " * indent)
        text.append(piece, style=style)
        console.print(text, soft_wrap=True)


def _line(begin: str) -> "Text":
    from rich.text import Text

    return Text(begin)


def _wrapped(cell: str, width: int) -> list[str]:
    """A cell in pieces that fit, broken at blanks, else within names; what goes on is indented."""
    indent = " " * _INDENT if width > 4 * _INDENT else ""
    pieces: list[str] = []
    while len(cell) > width:
        least = len(indent) if pieces else 0
        at = max(cell.rfind(" ", least + 1, width + 1), 0) or _after_mark(cell, width, least) or width
        pieces.append(cell[:at].rstrip())
        cell = indent + cell[at:].lstrip()
    return [*pieces, cell]


def _after_mark(cell: str, width: int, least: int) -> int:
    found = max(cell.rfind(mark, least + 1, width) for mark in "./_,")
    return found + 1 if found > least else 0
