"""`asg lower`."""

from typing import Annotated

import typer

from asg_autograd.commands.options import Source, Target
from asg_autograd.lower import lower as lowered_document
from asg_schema.command_line import read_document, write_text

__all__ = ["lower"]


def lower(
    document: Source,
    op: Annotated[
        list[str] | None, typer.Option("--op", metavar="OP", help="A composite; repeatable. Absent: all of them.")
    ] = None,
    out: Target = "-",
) -> None:
    """Replace composites, such as softmax, by the primitives that define them."""
    write_text(lowered_document(read_document(document), ops=op or None).to_json(), out)
