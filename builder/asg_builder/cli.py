"""The builder's commands: `asg demo` and `asg conformance`.

What they need is imported where it runs, so that the other commands and the help need not wait for it.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer

__all__ = ["commands"]


def demo() -> None:
    """Build a transformer block, differentiate it, and train it in another process over HTTP."""
    from asg_builder.demo import run_demo

    run_demo()


def conformance(
    url: Annotated[str, typer.Argument(metavar="URL", help="The executor's address, such as http://127.0.0.1:8765.")],
    filter: Annotated[
        list[str] | None,
        typer.Option(help="Only cases whose id, op or file is this; * and ? stand for anything. May be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for a program.")] = False,
    api_key: Annotated[
        str | None, typer.Option(envvar="ASG_API_KEY", help="The key that the executor knows the caller by.")
    ] = None,
) -> None:
    """Run the conformance vectors against an executor over HTTP.

    Exit code 0 means that it implements every op as the format defines it.
    """
    from asg_builder.conformance.command import run_conformance

    if not run_conformance(url, filter or [], api_key, as_json=as_json):
        raise typer.Exit(1)


commands: list[tuple[str, Callable[..., Any]]] = [("demo", demo), ("conformance", conformance)]
