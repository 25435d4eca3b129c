"""`asg prune`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target
from asg_autograd.prune import Unused
from asg_autograd.prune import prune as pruned_document
from asg_schema.command_line import read_document, write_text

__all__ = ["prune"]


def prune(
    document: Source,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="OUTPUT", help="An output to keep; repeatable. Absent: all of them."),
    ] = None,
    unused: Annotated[
        Unused, typer.Option("--unused", help="What becomes of inputs and parameters that nothing needs.")
    ] = "drop",
    out: Target = "-",
) -> None:
    """Keep some outputs, and only what they need."""
    write_text(pruned_document(read_document(document), output or None, unused=unused).to_json(), out)
