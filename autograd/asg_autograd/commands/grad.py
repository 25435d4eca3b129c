"""`asg grad`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target, WhenDisconnected, Wrt, chosen_targets
from asg_autograd.gradient import grad as gradient_document
from asg_schema.command_line import read_document, write_text

__all__ = ["grad"]


def grad(
    document: Source,
    of: Annotated[str, typer.Option("--of", metavar="OUTPUT", help="The scalar output to differentiate.")] = "loss",
    wrt: Wrt = None,
    disconnected: WhenDisconnected = "zero",
    loss_scale: Annotated[
        bool, typer.Option("--loss-scale", help="Multiply the gradients by an input, which a session gives and adapts.")
    ] = False,
    out: Target = "-",
) -> None:
    """Add the gradient of an output: one more output `grad.<name>` for each name."""
    result = gradient_document(read_document(document), of, chosen_targets(wrt), disconnected, loss_scale=loss_scale)
    write_text(result.to_json(), out)
