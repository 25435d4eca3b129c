"""`asg rename`."""

from typing import Annotated, get_args

import typer

from asg_autograd.commands.options import Source, Target
from asg_autograd.rename import Renamed
from asg_autograd.rename import rename as renamed_document
from asg_schema.command_line import read_document, write_text

__all__ = ["rename"]

_KINDS: tuple[Renamed, ...] = get_args(Renamed)


def rename(
    document: Source,
    old: Annotated[
        list[str],
        typer.Option("--from", metavar="NAME", help="A name, or with a dot at its end a beginning; repeatable."),
    ],
    new: Annotated[
        list[str], typer.Option("--to", metavar="NAME", help="What takes its place; one for each --from, in order.")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="|".join(_KINDS), help="What to rename, where several have a name; repeatable."),
    ] = None,
    out: Target = "-",
) -> None:
    """Rename inputs, parameters, nodes, outputs and symbols: --from block. --to encoder."""
    if len(old) != len(new):
        raise typer.BadParameter(f"there are {len(old)} of --from and {len(new)} of --to; one of each is needed")
    if len(set(old)) != len(old):
        raise typer.BadParameter("a name is given twice with --from")
    kinds: list[Renamed] = [kind for kind in _KINDS if kind in (only or _KINDS)]
    if unknown := set(only or ()).difference(_KINDS):
        raise typer.BadParameter(f"--only {min(unknown)!r} is not one of {', '.join(_KINDS)}")
    names = dict(zip(old, new, strict=True))
    write_text(renamed_document(read_document(document), names, only=kinds).to_json(), out)
