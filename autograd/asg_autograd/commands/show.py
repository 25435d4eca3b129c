"""`asg show`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source
from asg_autograd.show import DrawingFormat
from asg_autograd.show import show as drawing
from asg_schema.command_line import read_document, write_text

__all__ = ["show"]

_FORMATS: dict[str, DrawingFormat] = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}


def show(
    document: Source,
    format: Annotated[
        DrawingFormat | None,
        typer.Option("--format", help="How to write it. Absent: as the name of the file says, else svg."),
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="PREFIX", help="Draw this scope alone, such as block.0.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=0, metavar="N", help="Open at most so many levels of boxes.")
    ] = None,
    max_nodes: Annotated[
        int,
        typer.Option("--max-nodes", min=1, metavar="N", help="Above so many shapes, draw inner scopes as one each."),
    ] = 200,
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="FILE", help="Where to write, .svg, .dot or .mmd; - is standard output."),
    ] = "-",
) -> None:
    """Draw a document: scopes as boxes, derivatives beside what they are of."""
    chosen = format or _format_of(out)
    write_text(drawing(read_document(document), format=chosen, depth=depth, scope=scope, max_nodes=max_nodes), out)


def _format_of(out: str) -> DrawingFormat:
    """What the name of a file says; a name that says nothing is refused, so that no .png holds SVG."""
    if out == "-":
        return "svg"
    found: list[DrawingFormat] = [
        format for suffix, format in _FORMATS.items() if out.removesuffix(".gz").endswith(suffix)
    ]
    if not found:
        raise typer.BadParameter(f'"{out}" ends in none of {", ".join(_FORMATS)}; choose with --format')
    return found[0]
