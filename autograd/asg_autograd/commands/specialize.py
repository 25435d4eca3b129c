"""`asg specialize`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target
from asg_autograd.specialize import specialize as specialized_document
from asg_schema.command_line import named_values, read_document, write_text

__all__ = ["specialize"]


def specialize(
    document: Source,
    symbol: Annotated[
        list[str],
        typer.Option("--symbol", metavar="NAME=VALUE", help="A symbol, and its size or other symbol; repeatable."),
    ],
    out: Target = "-",
) -> None:
    """Give symbols of shapes a size, or another name: --symbol batch=32."""
    values = {
        name: int(value) if value.removeprefix("-").isdecimal() else value
        for name, value in named_values(symbol, "--symbol").items()
    }
    write_text(specialized_document(read_document(document), **values).to_json(), out)
