"""`asg linearize`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import (
    ForwardTarget,
    Source,
    SymbolSizes,
    WhenDisconnected,
    Wrt,
    chosen_sizes,
    chosen_targets,
)
from asg_autograd.split import linearize as linearized_document
from asg_schema.command_line import read_document, write_text

__all__ = ["linearize"]


def linearize(
    document: Source,
    forward: ForwardTarget,
    linear: Annotated[
        str, typer.Option("--linear", metavar="FILE", help="Where to write the linear function of the tangents.")
    ],
    wrt: Wrt = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="OUTPUT", help="An output; repeatable. Absent: all that are floating-point."),
    ] = None,
    disconnected: WhenDisconnected = "zero",
    symbol: SymbolSizes = None,
) -> None:
    """Write a document, and its derivative where the document is run as a linear function of tangents."""
    parts = linearized_document(
        read_document(document), chosen_targets(wrt), output or None, disconnected, symbols=chosen_sizes(symbol)
    )
    write_text(parts.forward.to_json(), forward)
    write_text(parts.linear.to_json(), linear)
