"""The outcome of a conformance run: a table on a terminal, plain text in a pipe, JSON for a program."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from asg_builder.conformance.run import Outcome

__all__ = ["json_report", "text_report", "write_table"]

_MOST_FAILURES = 20


def _counts(outcomes: Sequence[Outcome]) -> list[tuple[str, int, int]]:
    """For each file how many cases passed and failed, and for all of them."""
    totals = Counter(outcome.case.file for outcome in outcomes)
    failed = Counter(outcome.case.file for outcome in outcomes if outcome.failure)
    rows = [(file, total - failed[file], failed[file]) for file, total in sorted(totals.items())]
    return [*rows, ("all", totals.total() - failed.total(), failed.total())]


def _failures(outcomes: Sequence[Outcome]) -> tuple[list[tuple[str, str]], int]:
    """The first failures by id, and how many more there are."""
    failed = [(outcome.case.id, outcome.failure) for outcome in outcomes if outcome.failure]
    return failed[:_MOST_FAILURES], max(0, len(failed) - _MOST_FAILURES)


def json_report(url: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Every failure, and the numbers."""
    *files, (_, passed, failed) = _counts(outcomes)
    return {
        "url": url,
        "passed": passed,
        "failed": failed,
        "files": [{"file": file, "passed": good, "failed": bad} for file, good, bad in files],
        "failures": [
            {"id": case.id, "file": case.file, "op": case.op, "message": failure}
            for case, failure in outcomes
            if failure
        ],
    }


def text_report(outcomes: Sequence[Outcome]) -> str:
    """The table as aligned columns, and the first failures."""
    rows = [("cases", "passed", "failed"), *((file, str(good), str(bad)) for file, good, bad in _counts(outcomes))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{file.ljust(widths[0])}  {good.rjust(widths[1])}  {bad.rjust(widths[2])}" for file, good, bad in rows]
    return "\n".join([*lines, *_failure_lines(outcomes)]) + "\n"


def write_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The same on a terminal."""
    *files, total = _counts(outcomes)
    table = Table("cases", show_footer=False)
    table.add_column("passed", justify="right", style="green")
    table.add_column("failed", justify="right")
    for place, (file, good, bad) in enumerate([*files, total]):
        table.add_row(file, str(good), f"[red]{bad}[/red]" if bad else "0", end_section=place == len(files) - 1)
    console.print(table)
    for line in _failure_lines(outcomes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _failure_lines(outcomes: Sequence[Outcome]) -> list[str]:
    shown, more = _failures(outcomes)
    lines = [line for id, failure in shown for line in ("", id, f"  {failure}")]
    return [*lines, "", f"and {more} more failures; --json lists all"] if more else lines
