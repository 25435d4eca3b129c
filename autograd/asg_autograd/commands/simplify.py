"""`asg simplify`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target
from asg_autograd.simplify import simplification
from asg_schema.command_line import read_document, write_text

__all__ = ["simplify"]


def simplify(
    document: Source,
    report: Annotated[
        bool, typer.Option("--report", help="Say on standard error which rewrites were applied, and how often.")
    ] = False,
    out: Target = "-",
) -> None:
    """Write the same program in fewer nodes: nothing dead, duplicate, known beforehand or without effect."""
    result = simplification(read_document(document))
    write_text(result.document.to_json(), out)
    if report:
        typer.echo(str(result), err=True)
