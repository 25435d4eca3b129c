"""The command `asg`, and the commands that read documents.

`asg` gathers its commands from the entry-point group `asg.commands`: each part of the distribution names there a list
of pairs of a command's name and its function. A name of two words, such as `keys create`, is a command within another.
A part that cannot be imported is left out; the help says what is missing.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from io import TextIOWrapper
from typing import Annotated, Any, NamedTuple

import typer

from asg_schema.command_line import (
    CommandError,
    InvalidDocumentError,
    guarded,
    missing_module,
    named_sizes,
    read_document,
    write_text,
)
from asg_schema.dims import dim_to_json
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.listing import listing, plain_text, statistics_listing, summary
from asg_schema.listing_json import document_json, statistics_json
from asg_schema.op_table import OPS
from asg_schema.statistics import statistics
from asg_schema.terminal import print_sections
from asg_schema.wire import nearest

__all__ = ["commands", "main"]

DocumentArgument = Annotated[
    str, typer.Argument(metavar="DOC", help="A document: a .json or .json.gz file, or - for standard input.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")]


def validate(doc: DocumentArgument, as_json: JsonOption = False) -> None:
    """Check a document whole and tell every problem, each with its JSON Pointer."""
    try:
        document = read_document(doc)
    except InvalidDocumentError as error:
        if not as_json:
            raise
        problems = [problem._asdict() for problem in error.error.problems]
        _write_json({"valid": False, "problems": problems, "more": error.error.more})
        raise typer.Exit(1) from None
    if as_json:
        _write_json({"valid": True, "digest": document.digest, "problems": [], "more": 0})
    else:
        write_text(f"valid: {document.name}: {summary(document)}\n")


def describe(
    doc: DocumentArgument,
    stats: Annotated[
        bool, typer.Option("--stats", help="Figures instead of the listing: ops, arithmetic, bytes, depth.")
    ] = False,
    symbol: Annotated[
        list[str] | None,
        typer.Option("--symbol", metavar="NAME=SIZE", help="The size of a symbol for --stats or --engine; repeatable."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", metavar="NAME", help="How this engine of the executor would run it, as asg plan."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List a document with the type of every value, or its figures."""
    if engine is not None:
        _command_of_any_part("plan")(doc, engine=engine, symbol=symbol, stats=stats, as_json=as_json)
        return
    if symbol and not stats:
        raise typer.BadParameter("--symbol is for --stats and --engine")
    sizes = named_sizes(symbol or (), "--symbol")
    document = read_document(doc)
    if as_json:
        _write_json(statistics_json(statistics(document, sizes)) if stats else document_json(document))
        return
    sections = statistics_listing(statistics(document, sizes)) if stats else listing(document)
    heading = f"{document.name}  (ASG {document.asg}, digest {document.digest[:12]})"
    total = "" if stats else summary(document)
    if sys.stdout.isatty():
        print_sections(heading, sections, total)
    else:
        write_text(f"{heading}\n\n{plain_text(sections)}" + (f"\n{total}\n" if total else ""))


def infer(doc: DocumentArgument, as_json: JsonOption = False) -> None:
    """Print the dtype and shape of every value."""
    types = read_document(doc).types
    if as_json:
        _write_json(
            {
                name: {"dtype": type.dtype.value, "shape": [*map(dim_to_json, type.shape)]}
                for name, type in types.items()
            }
        )
        return
    width = max(map(len, types), default=0)
    write_text("".join(f"{name.ljust(width)}  {type}\n" for name, type in types.items()))


def digest(doc: DocumentArgument, as_json: JsonOption = False) -> None:
    """Print the semantic digest: what a document means, whatever its nodes are called."""
    value = read_document(doc).digest
    if as_json:
        _write_json({"digest": value})
    else:
        write_text(f"{value}\n")


def ops(
    name: Annotated[str | None, typer.Argument(metavar="OP", help="One op, to be explained in full.")] = None,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference of all ops as Markdown.")] = False,
) -> None:
    """List the ops, or explain one."""
    from asg_schema.op_reference import op_reference, op_section

    if as_json and markdown:
        raise typer.BadParameter("--json and --markdown exclude each other")
    if name is not None and name not in OPS:
        raise CommandError(f'there is no op "{name}"{nearest(name, OPS)}')
    chosen = list(OPS) if name is None else [name]
    if as_json:
        _write_json([_op_json(item) for item in chosen])
    elif name is None and markdown:
        write_text(op_reference())
    elif name is None:
        _write_op_list()
    elif sys.stdout.isatty() and not markdown:
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(op_section(OPS[name])))
    else:
        write_text(op_section(OPS[name]))


def schema() -> None:
    """Print the JSON Schema of documents."""
    from asg_schema.json_schema import json_schema_text

    write_text(json_schema_text())


commands: list[tuple[str, Callable[..., None]]] = [
    ("validate", validate),
    ("describe", describe),
    ("infer", infer),
    ("digest", digest),
    ("ops", ops),
    ("schema", schema),
]


def _write_json(value: Any) -> None:
    write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _op_json(name: str) -> dict[str, Any]:
    op = OPS[name]
    operands = [
        {
            "name": operand.name,
            "dtypes": sorted(dtype.value for dtype in operand.dtypes.value),
            "differentiable": operand.differentiable,
            "optional": operand.optional,
            "variadic": operand.variadic,
        }
        for operand in op.operands
    ]
    return {"op": name, "family": op.family(), "operands": operands, "attributes": op.attributes, "doc": op.__doc__}


def _write_op_list() -> None:
    width = max(map(len, OPS))
    families: dict[str, list[str]] = {}
    for name, op in OPS.items():
        families.setdefault(op.family(), []).append(f"  {name.ljust(width)}  {(op.__doc__ or '').splitlines()[0]}\n")
    write_text("\n".join(f"{family}\n{''.join(lines)}" for family, lines in sorted(families.items())))


class _Missing(NamedTuple):
    """A part whose commands cannot be offered."""

    part: str
    reason: str


def _extra(entry: EntryPoint) -> str | None:
    """The extra of the distribution that is named like the part, if there is one."""
    extras = entry.dist.metadata.get_all("Provides-Extra", []) if entry.dist else []
    return entry.name if entry.name in extras else None


def _gather(entries: Iterable[EntryPoint], wanted: str) -> tuple[list[tuple[str, Callable[..., None]]], list[_Missing]]:
    """The commands of all parts, up to the part that has the wanted one."""
    found: list[tuple[str, Callable[..., None]]] = []
    missing: list[_Missing] = []
    for entry in entries:
        try:
            with garbage_collection_paused():  # modules stay
                loaded: list[tuple[str, Callable[..., None]]] = entry.load()
        except ModuleNotFoundError as error:
            missing.append(_Missing(entry.name, missing_module(error, _extra(entry))))
            continue
        found.extend((name, guarded(function, _extra(entry))) for name, function in loaded)
        if any(_first_word(name) == wanted for name, _ in loaded):
            break
    return found, missing


def _first_word(name: str) -> str:
    return name.partition(" ")[0]


def _entries() -> list[EntryPoint]:
    """The parts in one order. Those come first whose commands import little until they run."""
    first = {"schema": 0, "executor": 1}
    return sorted(entry_points(group="asg.commands"), key=lambda entry: (first.get(entry.name, 2), entry.name))


def _command_of_any_part(name: str) -> Callable[..., None]:
    """The function behind a command, which may be another part's.

    Raises:
        CommandError: no part that can be imported has it.
    """
    found, missing = _gather(_entries(), name)
    for known, function in found:
        if known == name:
            return function
    reasons = "; ".join(f'the commands of "{part}" are not available: {reason}' for part, reason in missing)
    raise CommandError(f"there is no command asg {name}" + (f": {reasons}" if reasons else ""))


def _add_commands(app: typer.Typer, found: Sequence[tuple[str, Callable[..., None]]]) -> None:
    """Add commands, those of two words below one for their first."""
    groups: dict[str, typer.Typer] = {}
    for name, function in found:
        first, _, second = name.partition(" ")
        if not second:
            app.command(name)(function)
            continue
        if first not in groups:
            known = ", ".join(other.partition(" ")[2] for other, _ in found if other.startswith(f"{first} "))
            groups[first] = typer.Typer(no_args_is_help=True, help=f"{first.capitalize()}: {known}.")
            app.add_typer(groups[first], name=first)
        groups[first].command(second)(function)


def _show_version(wanted: bool) -> None:
    if wanted:
        write_text(f"asg {version('asgraph')}\n")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """ASG: differentiable programs as JSON documents."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `asg`. Exits with 0 when all is well, 1 when the document or the data is bad, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    found, missing = _gather(_entries(), wanted)
    lines = [f'The commands of "{part}" are not available: {reason}' for part, reason in missing]
    app = typer.Typer(name="asg", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback(epilog="\n\n".join(lines).replace("[", "\\[") or None)(_root)  # help is in rich's markup
    _add_commands(app, found)
    if missing and wanted and all(_first_word(name) != wanted for name, _ in found):
        print("\n".join(f"asg: {line}" for line in lines), file=sys.stderr)  # noqa: T201 - the command line's own output
    app(arguments)
