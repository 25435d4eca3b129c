"""`asg vmap`."""

from typing import Annotated

import typer

from asg_autograd.batching import vmap as mapped_document
from asg_autograd.commands.options import Source, Target
from asg_autograd.mapped_axes import InAxis
from asg_schema.command_line import CommandError, named_values, read_document, write_text

__all__ = ["vmap"]


def vmap(
    document: Source,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            "--axis",
            metavar="NAME=PLACE",
            help="Where an input or parameter gets the mapped axis: a number, none (shared), or split (a random key); "
            "repeatable. Absent: 0 for all inputs but random keys.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="How many examples: a number, or a new symbol. Absent: examples."),
    ] = None,
    out_axis: Annotated[
        list[str] | None,
        typer.Option(
            "--out-axis",
            metavar="NAME=PLACE",
            help="Where an output has the mapped axis: a number, or none where no example matters; repeatable. "
            "Absent: 0, and for a gradient the place in what it is by.",
        ),
    ] = None,
    out: Target = "-",
) -> None:
    """Compute for many examples what the document computes for one: --axis x=0 --axis target=0 --size examples."""
    in_axes: int | dict[str, InAxis] = 0
    if axis:
        places = named_values(axis, "--axis").items()
        in_axes = {
            name: "split" if value == "split" else _place(name, value, "--axis", "none or split")
            for name, value in places
        }
    out_places = named_values(out_axis or [], "--out-axis").items()
    out_axes = {name: _place(name, value, "--out-axis", "none") for name, value in out_places}
    count = int(size) if size is not None and size.isdecimal() else size
    write_text(mapped_document(read_document(document), in_axes, size=count, out_axes=out_axes).to_json(), out)


def _place(name: str, value: str, option: str, others: str) -> int | None:
    if value == "none":
        return None
    if not (value.isascii() and value.removeprefix("-").isdecimal()):
        raise CommandError(f"{option} {name}={value}: a number is needed for the place, or {others}")
    return int(value)
