"""The tables of `benchmarks.results.Results`, for a terminal and as Markdown."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.results import Carrying, Results, Row, Timed
from benchmarks.steps import ASG, HTTP, JAX, NATIVE, NUMPY, PEERS, TORCH, TORCH_COMPILE

__all__ = ["ReportTable", "markdown", "print_report", "report_tables"]

_MEBIBYTE = 1024 * 1024
_NOT_INSTALLED, _FAILED = "not installed", "failed"


class ReportTable(NamedTuple):
    """A table of texts.

    Attributes:
        title: what it shows, and in which units.
        columns: the heads; the first column names the rows.
        rows: the cells.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def report_tables(results: Results) -> list[ReportTable]:
    """The tables: times, first steps, memory, sessions at once, and what HTTP adds."""
    tables = [*_tables(results), _at_once(results), _over_http(results)]
    return [table for table in tables if table.rows]


def _tables(results: Results) -> list[ReportTable]:
    """Those with a row for each workload."""
    own = [name for name in (ASG, NATIVE, NUMPY, HTTP) if name in results.machine.releases]
    in_process = [*(name for name in own if name != HTTP), *PEERS]
    return [
        ReportTable(
            "A step, or an answer to one example: minimum / median in ms, and in brackets our median to a peer's.",
            [
                "workload",
                *_heads(results, [*own, *PEERS]),
                "to the fastest peer",
                "products (GFLOP/s)",
            ],
            [[row.description, *_times(row, [*own, *PEERS]), _to_fastest(row), _products(row)] for row in results.rows],
        ),
        ReportTable(
            "The first step, from the model's description on, in s: with nothing kept on disk / in a later process.",
            ["workload", *_heads(results, in_process)],
            [[row.description, *_cells(row, in_process, _first_steps)] for row in results.rows],
        ),
        ReportTable(
            "The most memory, beyond libraries and data, in MiB: while it takes steps / from the beginning on.",
            ["workload", *_heads(results, in_process)],
            [[row.description, *_cells(row, in_process, _memory)] for row in results.rows],
        ),
    ]


def _at_once(results: Results) -> ReportTable:
    """Two sessions that take steps at once."""
    return ReportTable(
        "Two sessions at once, each on one thread: steps in a second.",
        ["workload", "one alone", "both together", "ratio"],
        [
            [item.workload, _figure(item.alone), _figure(item.together), f"{item.ratio:.2f}"]
            for item in results.concurrency
        ],
    )


def _over_http(results: Results) -> ReportTable:
    """What HTTP adds to a step, beside what its bytes alone take."""
    rows = {row.workload: row for row in results.rows}
    return ReportTable(
        "Over HTTP, medians in ms: the same bytes sent to a bare FastAPI application, which neither keeps nor computes "
        "anything, and how near to 1 the ratio could come with it.",
        ["workload", "bytes sent", "bare FastAPI", "HTTP adds", "HTTP / in-process", "with bare FastAPI / in-process"],
        [
            [
                rows[item.workload].description,
                f"{item.bytes:,}",
                _figure(item.median),
                *_added(rows[item.workload], item),
            ]
            for item in results.carrying
        ],
    )


def _added(row: Row, carried: Carrying) -> list[str]:
    """What a step takes longer over HTTP, its ratio, and the ratio if it took no longer than its bytes take."""
    own = row.timed[ASG].median
    least = f"{(own + carried.median) / own:.2f}"
    if HTTP not in row.timed:
        return ["", "", least]
    over_http = row.timed[HTTP].median
    return [_figure(over_http - own), f"{over_http / own:.2f}", least]


def _heads(results: Results, names: Sequence[str]) -> list[str]:
    """The names of candidates, peers with their version."""
    releases = results.machine.releases
    shown = {
        ASG: f"ASG, {results.rows[0].engine} engine" if results.rows else ASG,
        TORCH: f"PyTorch {releases.get(TORCH, '')} eager",
        TORCH_COMPILE: "torch.compile",
        JAX: f"JAX {releases.get(JAX, '')} jit",
    }
    return [" ".join(shown.get(name, name).split()) for name in names]


def _cells(row: Row, names: Sequence[str], show: Callable[[Timed], str]) -> list[str]:
    """What is shown of each candidate, or why there is nothing."""
    return [
        show(row.timed[name]) if name in row.timed else _FAILED if name in row.problems else _NOT_INSTALLED
        for name in names
    ]


def _times(row: Row, names: Sequence[str]) -> list[str]:
    cells = _cells(row, names, lambda timed: f"{_figure(timed.minimum)} / {_figure(timed.median)}")
    return [
        f"{cell} ({row.ratio(name):.2f})" if name in PEERS and name in row.timed else cell
        for name, cell in zip(names, cells, strict=True)
    ]


def _to_fastest(row: Row) -> str:
    """The ratio of our median to that of the fastest peer."""
    fastest = row.fastest_peer
    to_fastest = None if fastest is None else row.ratio(fastest)
    return "" if to_fastest is None else f"**{to_fastest:.2f}**"


def _products(row: Row) -> str:
    """The part of our time that products take, and how fast they are in all of it."""
    return f"{row.product_share:.0%} ({_figure(row.product_operations / row.timed[ASG].median / 1e6)})"


def _first_steps(timed: Timed) -> str:
    return f"{timed.first_step_seconds:.2f} / {timed.later_first_step_seconds:.2f}"


def _memory(timed: Timed) -> str:
    if timed.stepping_bytes is None or timed.most_bytes is None:
        return "?"
    return f"{timed.stepping_bytes / _MEBIBYTE:.0f} / {timed.most_bytes / _MEBIBYTE:.0f}"


def _figure(value: float) -> str:
    """A number with as many digits as matter."""
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def _failures(results: Results) -> list[str]:
    """Why a cell says `failed`."""
    return [
        f"{name} failed on the {row.workload}: {problem}"
        for row in results.rows
        for name, problem in row.problems.items()
    ]


def print_report(console: Console, results: Results) -> None:
    """Print the tables."""
    for table in report_tables(results):
        shown = Table(title=table.title, title_justify="left", box=SIMPLE)
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if index else "left")
        for cells in table.rows:
            shown.add_row(*(cell.replace("**", "") for cell in cells))
        console.print(shown)
    for failure in _failures(results):
        console.print(failure, highlight=False)


def markdown(results: Results, chart: str) -> str:
    """The tables as Markdown, with a line that says where they are from, and the chart.

    Args:
        results: what is shown.
        chart: the path of the chart's file from the page that this stands in.
    """
    machine = results.machine
    parts = [f"One run on {machine.cores} cores of an {machine.processor}, float32.{_others(results)}"]
    for table in report_tables(results):
        lines = [_line(table.columns), "|" + "---|" * len(table.columns), *map(_line, table.rows)]
        parts += [table.title, "\n".join(lines)]
    picture = f"![Bars for the medians of each workload, ours above the peers']({chart})"
    return "\n\n".join([*parts, *_failures(results), picture])


def _others(results: Results) -> str:
    """What other processes took of the cores at most."""
    shares = [row.others_share for row in results.rows if row.others_share is not None]
    return f" Other processes took at most {max(shares):.0%} of the cores meanwhile." if shares else ""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
