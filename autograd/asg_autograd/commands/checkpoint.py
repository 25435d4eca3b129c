"""`asg checkpoint`."""

import sys
from typing import Annotated

import typer

from asg_autograd.checkpoint import Keep
from asg_autograd.checkpoint import checkpoint as checkpointed_document
from asg_autograd.commands.options import Source, SymbolSizes, Target, chosen_bytes, chosen_sizes
from asg_autograd.footprint import Footprint, footprint
from asg_schema.command_line import CommandError, read_document, write_text
from asg_schema.listing import format_bytes
from asg_schema.op_table import OPS
from asg_schema.wire import nearest

__all__ = ["checkpoint"]


def checkpoint(
    document: Source,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="BYTES",
            help="The most memory for forward values while the backward part runs, such as 64MiB. Absent: little.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="NAME", help="Keep this node, or what leaves this scope; repeatable."),
    ] = None,
    keep_op: Annotated[
        list[str] | None, typer.Option("--keep-op", metavar="OP", help="Keep the results of an op; repeatable.")
    ] = None,
    symbol: SymbolSizes = None,
    report: Annotated[bool, typer.Option("--report", help="Say on standard error what it brings.")] = False,
    out: Target = "-",
) -> None:
    """Keep fewer forward values for the backward part, and compute the others again."""
    sizes = chosen_sizes(symbol)
    source = read_document(document)
    result = checkpointed_document(
        source,
        budget=None if budget is None else chosen_bytes(budget),
        keep=_chosen(keep, keep_op),
        symbols=sizes,
    )
    said = _comparison(footprint(source, sizes), footprint(result, sizes)) if report else ""
    write_text(result.to_json(), out)
    sys.stderr.write(said)


def _chosen(names: list[str] | None, ops: list[str] | None) -> Keep | None:
    if names and ops:
        raise typer.BadParameter("--keep and --keep-op exclude each other")
    if ops:
        unknown = [op for op in ops if op not in OPS]
        if unknown:
            raise CommandError(f'--keep-op: there is no op "{unknown[0]}"{nearest(unknown[0], OPS)}')
        return lambda node: node.name in ops
    return names or None


def _comparison(before: Footprint, after: Footprint) -> str:
    """A table of what was and what is, for a person."""
    rows = [("", "before", "after", "")]
    for name, was, now in (
        ("kept", before.kept_bytes, after.kept_bytes),
        ("peak", before.peak_bytes, after.peak_bytes),
    ):
        rows.append((name, format_bytes(was), format_bytes(now), _ratio(was, now, "less")))
    was, now = before.operations, after.operations
    rows.append(("operations", f"{was:,}", f"{now:,}", _ratio(now, was, "as many")))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = (
        f"{name:<{widths[0]}}  {first:>{widths[1]}}  {second:>{widths[2]}}  {ratio}".rstrip()
        for name, first, second, ratio in rows
    )
    return "\n".join(lines) + "\n"


def _ratio(more: int, less: int, what: str) -> str:
    return f"{more / less:.2f} x {what}" if less else ""
