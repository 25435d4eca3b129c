"""`python -m benchmarks.profile WORKLOAD`: where the time of a step of ours goes, the longest pieces first."""

from collections import defaultdict
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.asg_steps import LocalSteps, first_weights
from benchmarks.profiling import Piece, Profile, profiled
from benchmarks.workloads import WORKLOADS, workload_named

_MOST_NODES = 3
_WIDTH = 160  # where it is no terminal


def main(
    workload: Annotated[str, typer.Argument(help="One of: " + ", ".join(item.name for item in WORKLOADS) + ".")],
    engine: Annotated[str, typer.Option(help="The engine; auto is the fastest.")] = "auto",
    seconds: Annotated[float, typer.Option(help="How long steps are taken.")] = 3.0,
    rows: Annotated[int, typer.Option(help="How many pieces are listed.")] = 30,
) -> None:
    """Print the pieces of a step that take longest, and the sums by op."""
    try:
        chosen = workload_named(workload)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    steps = LocalSteps(chosen, first_weights(chosen), engine)
    profile = profiled(steps.session, steps.step, seconds=seconds)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(_pieces(profile, rows))
    console.print(_ops(profile, rows))
    console.print(f"Matrix products and convolutions, with what is fused to them: {profile.product_share:.0%}")


def _pieces(profile: Profile, rows: int) -> Table:
    """The pieces, one a row, the longest first."""
    milliseconds = profile.nanoseconds / profile.steps / 1e6
    title = f"{profile.steps} steps on the engine {profile.engine}, {milliseconds:.3f} ms each"
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for column in ("µs", "part", "calls", "GFLOP/s"):
        table.add_column(column, justify="right")
    for column in ("graph", "ops", "nodes", "result"):
        table.add_column(column, overflow="fold")
    for piece in sorted(profile.pieces, key=lambda piece: -piece.nanoseconds)[:rows]:
        each = max(piece.nanoseconds / profile.steps, 1)
        shown = (f"{piece.calls / profile.steps:.0f}", f"{piece.operations / each:.1f}", piece.graph, piece.ops)
        table.add_row(*_time(piece.nanoseconds, profile), *shown, _nodes(piece), " ".join(piece.results))
    table.add_row(*_time(profile.rest_nanoseconds, profile), "", "", "", "copies in and out, Python")
    return table


def _ops(profile: Profile, rows: int) -> Table:
    """The sums by ops, the longest first."""
    table = Table(title="By ops", title_justify="left", box=SIMPLE)
    for column in ("µs", "part"):
        table.add_column(column, justify="right")
    table.add_column("ops", overflow="fold")
    sums: defaultdict[str, int] = defaultdict(int)
    for piece in profile.pieces:
        sums[piece.ops] += piece.nanoseconds
    for ops, nanoseconds in sorted(sums.items(), key=lambda item: -item[1])[:rows]:
        table.add_row(*_time(nanoseconds, profile), ops)
    return table


def _time(nanoseconds: int, profile: Profile) -> tuple[str, str]:
    return f"{nanoseconds / profile.steps / 1e3:,.1f}", f"{nanoseconds / profile.nanoseconds:.1%}"


def _nodes(piece: Piece) -> str:
    named, more = piece.nodes[:_MOST_NODES], len(piece.nodes) - _MOST_NODES
    return " ".join(named) + (f" and {more} more" if more > 0 else "")


if __name__ == "__main__":
    typer.run(main)
