"""`asg merge`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Target
from asg_autograd.merge import merge as merged_document
from asg_schema.command_line import named_values, read_document, write_text

__all__ = ["merge"]


def merge(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="The document that runs first; - is standard input.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="The one that takes outputs of it; - likewise.")],
    connect: Annotated[
        list[str] | None,
        typer.Option(
            "--connect", metavar="INPUT=OUTPUT", help="An input of the second, and the output of the first; repeatable."
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Put before names of the second that are taken.")
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share", metavar="NAME", help="An input or parameter that is one in both, or its beginning; repeatable."
        ),
    ] = None,
    out: Target = "-",
) -> None:
    """Compose two documents: outputs of the first become inputs of the second."""
    if first == second == "-":
        raise typer.BadParameter("only one of the two documents can come from standard input")
    connections = named_values(connect or (), "--connect")
    merged = merged_document(read_document(first), read_document(second), connections, prefix=prefix, share=share or ())
    write_text(merged.to_json(), out)
