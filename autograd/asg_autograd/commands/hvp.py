"""`asg hvp`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target, WhenDisconnected, Wrt, chosen_targets
from asg_autograd.forward_mode import hessian_vector_product
from asg_schema.command_line import read_document, write_text

__all__ = ["hvp"]


def hvp(
    document: Source,
    of: Annotated[str, typer.Option("--of", metavar="OUTPUT", help="The scalar output to differentiate.")] = "loss",
    wrt: Wrt = None,
    disconnected: WhenDisconnected = "zero",
    out: Target = "-",
) -> None:
    """Add the Hessian of an output times a vector: inputs `tangent.<name>`, outputs `hvp.<name>`."""
    result = hessian_vector_product(read_document(document), of, chosen_targets(wrt), disconnected)
    write_text(result.to_json(), out)
