"""`asg split`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import ForwardTarget, Source, SymbolSizes, chosen_sizes
from asg_autograd.split import split as split_document
from asg_schema.command_line import read_document, write_text

__all__ = ["split"]


def split(
    document: Source,
    forward: ForwardTarget,
    backward: Annotated[
        str, typer.Option("--backward", metavar="FILE", help="Where to write the document of the derivatives.")
    ],
    symbol: SymbolSizes = None,
) -> None:
    """Write a document with gradients as two: a forward one, and a backward one that takes its residuals."""
    parts = split_document(read_document(document), symbols=chosen_sizes(symbol))
    write_text(parts.forward.to_json(), forward)
    write_text(parts.backward.to_json(), backward)
