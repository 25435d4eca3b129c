"""Arguments and options that several commands have, and what they mean."""

from typing import Annotated, Literal, TypeAlias

import typer

from asg_autograd.selection import Disconnected

__all__ = ["Source", "Target", "WhenDisconnected", "Wrt", "chosen_targets"]

Source: TypeAlias = Annotated[
    str, typer.Argument(metavar="DOC", help="A document: a .json or .json.gz file, or - for standard input.")
]
Target: TypeAlias = Annotated[
    str, typer.Option("-o", "--out", metavar="FILE", help="Where to write, .json or .json.gz; - is standard output.")
]
Wrt: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--wrt",
        metavar="NAME",
        help="An input or parameter; repeatable. Absent, or trainable: all trainable parameters.",
    ),
]
WhenDisconnected: TypeAlias = Annotated[
    Disconnected, typer.Option("--disconnected", help="What becomes of a value on which nothing depends.")
]


def chosen_targets(wrt: list[str] | None) -> Literal["trainable"] | list[str]:
    """What the values of `--wrt` mean as the argument `wrt` of a transform."""
    return wrt if wrt and wrt != ["trainable"] else "trainable"
