"""What `asg conformance` does."""

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from asg_builder.client.transport import Transport
from asg_builder.conformance.report import json_report, text_report, write_table
from asg_builder.conformance.run import Outcome, run_cases
from asg_builder.conformance.vectors import Case, read_cases
from asg_schema.command_line import CommandError, write_text

__all__ = ["run_conformance"]


def run_conformance(url: str, patterns: Sequence[str], api_key: str | None, *, as_json: bool) -> bool:
    """Run the vectors against an executor and print the outcome.

    Args:
        url: the executor's address.
        patterns: of the cases' ids, ops or files; none for all cases.
        api_key: the key that the executor knows the caller by.
        as_json: whether to print JSON in place of a table.

    Returns:
        Whether every case passed.

    Raises:
        CommandError: the address is none, or no case matches.
        ConnectionFailed: there is no executor, or none any more; the message names the case.
    """
    cases = read_cases(patterns=patterns)
    if not cases:
        raise CommandError(f"no case has an id, an op or a file that matches {' or '.join(patterns)}")
    try:
        transport = Transport(url, api_key=api_key)
    except ValueError as error:
        raise CommandError(str(error)) from None
    try:
        outcomes = _with_progress(cases, transport)
    finally:
        transport.close()
    if as_json:
        write_text(json.dumps(json_report(url, outcomes), indent=2, ensure_ascii=False) + "\n")
    elif sys.stdout.isatty():
        write_table(Console(), outcomes)
    else:
        write_text(text_report(outcomes))
    return all(outcome.failure is None for outcome in outcomes)


def _with_progress(cases: Sequence[Case], transport: Transport) -> list[Outcome]:
    """Run the cases, with a bar on standard error if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(cases))
        failed = 0

        def advance(outcome: Outcome) -> None:
            nonlocal failed
            failed += outcome.failure is not None
            said = f"{outcome.case.file}{f', {failed} failed' if failed else ''}"
            progress.update(task, advance=1, description=said)

        return run_cases(cases, transport, advance)
