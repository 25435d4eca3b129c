"""The commands of the transformer. Each reads a document and writes one, so that they pipe."""

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from asg_autograd.gradient import Disconnected
from asg_autograd.gradient import grad as gradient_document
from asg_autograd.gradient import vjp as vjp_document
from asg_schema.command_line import read_document, write_text

__all__ = ["commands", "grad", "vjp"]

Source = Annotated[str, typer.Argument(metavar="DOC", help="A document; - is standard input.")]
Wrt = Annotated[
    list[str] | None,
    typer.Option(
        "--wrt",
        metavar="NAME",
        help="An input or parameter; repeatable. Absent, or trainable: all trainable parameters.",
    ),
]
WhenDisconnected = Annotated[
    Disconnected, typer.Option("--disconnected", help="What becomes of a value on which nothing depends.")
]
Target = Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="Where to write; - is standard output.")]


def grad(
    document: Source,
    of: Annotated[str, typer.Option("--of", metavar="OUTPUT", help="The scalar output to differentiate.")] = "loss",
    wrt: Wrt = None,
    disconnected: WhenDisconnected = "zero",
    out: Target = "-",
) -> None:
    """Add the gradient of an output: one more output `grad.<name>` for each name."""
    result = gradient_document(read_document(document), of, _targets(wrt), disconnected)
    write_text(result.to_json(), out)


def vjp(
    document: Source,
    output: Annotated[list[str], typer.Option("--output", metavar="OUTPUT", help="An output; repeatable.")],
    wrt: Wrt = None,
    disconnected: WhenDisconnected = "zero",
    out: Target = "-",
) -> None:
    """Add a vector-Jacobian product: inputs `cotangent.<output>`, and an output `grad.<name>` for each name."""
    result = vjp_document(read_document(document), output, _targets(wrt), disconnected)
    write_text(result.to_json(), out)


def _targets(wrt: list[str] | None) -> Literal["trainable"] | list[str]:
    return wrt if wrt and wrt != ["trainable"] else "trainable"


commands: list[tuple[str, Callable[..., None]]] = [("grad", grad), ("vjp", vjp)]
"""What `asg` offers of this part. It says errors on standard error and exits with 1 where a command raises one."""
