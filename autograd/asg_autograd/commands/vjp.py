"""`asg vjp`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target, WhenDisconnected, Wrt, chosen_targets
from asg_autograd.gradient import vjp as vjp_document
from asg_schema.command_line import read_document, write_text

__all__ = ["vjp"]


def vjp(
    document: Source,
    output: Annotated[list[str], typer.Option("--output", metavar="OUTPUT", help="An output; repeatable.")],
    wrt: Wrt = None,
    disconnected: WhenDisconnected = "zero",
    out: Target = "-",
) -> None:
    """Add a vector-Jacobian product: inputs `cotangent.<output>`, and an output `grad.<name>` for each name."""
    result = vjp_document(read_document(document), output, chosen_targets(wrt), disconnected)
    write_text(result.to_json(), out)
