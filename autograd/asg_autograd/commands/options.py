"""Arguments and options that several commands have, and what they mean."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

import typer

from asg_autograd.selection import Disconnected
from asg_schema.command_line import named_values

__all__ = [
    "ForwardTarget",
    "Source",
    "SymbolSizes",
    "Target",
    "WhenDisconnected",
    "Wrt",
    "chosen_bytes",
    "chosen_sizes",
    "chosen_targets",
]

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


ForwardTarget: TypeAlias = Annotated[
    str,
    typer.Option(
        "--forward",
        metavar="FILE",
        help="Where to write the forward document, .json or .json.gz; - is standard output.",
    ),
]
SymbolSizes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--symbol", metavar="NAME=SIZE", help="A size for a symbol of the document; repeatable."),
]
_SIZE = re.compile(r"\d{1,19}")
_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]i?B|B)?", re.IGNORECASE)


def chosen_sizes(symbols: Iterable[str] | None) -> dict[str, int]:
    """What the values of `--symbol` mean: a size by name."""
    sizes: dict[str, int] = {}
    for name, value in named_values(symbols or (), "--symbol").items():
        if not _SIZE.fullmatch(value):
            raise typer.BadParameter(f"--symbol {name}={value}: a size is needed, as in {name}=32")
        sizes[name] = int(value)
    return sizes


def chosen_bytes(text: str) -> int:
    """What an amount of memory such as `64MiB`, `1.5GB` or `1000000` means, in bytes."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f'"{text}" is no amount of memory; a number and a unit are needed, as in 64MiB or 1GB')
    unit = (match[2] or "B").upper()
    base = 1024 if "I" in unit else 1000
    return int(float(match[1]) * base ** " KMGT".index(unit[0])) if unit != "B" else int(float(match[1]))
