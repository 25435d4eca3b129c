"""`asg jvp`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target, WhenDisconnected, Wrt, chosen_targets
from asg_autograd.forward_mode import jvp as jvp_document
from asg_schema.command_line import read_document, write_text

__all__ = ["jvp"]


def jvp(
    document: Source,
    wrt: Wrt = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="OUTPUT", help="An output; repeatable. Absent: all that are floating-point."),
    ] = None,
    disconnected: WhenDisconnected = "zero",
    out: Target = "-",
) -> None:
    """Add a Jacobian-vector product: inputs `tangent.<name>`, and an output `tangent.<output>` for each output."""
    result = jvp_document(read_document(document), chosen_targets(wrt), output or None, disconnected)
    write_text(result.to_json(), out)
