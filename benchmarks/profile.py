"""`python -m benchmarks.profile WORKLOAD`: where the time of a step of ours goes, the longest pieces first."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from asg_executor.blas import set_blas_threads
from benchmarks.asg_steps import LocalSteps, first_weights
from benchmarks.profiling import Piece, Profile, profiled
from benchmarks.workloads import WORKLOADS, workload_named

_MOST_NODES = 3
_WIDTH = 160  # where it is no terminal


def main(
    workload: Annotated[str, typer.Argument(help="One of: " + ", ".join(item.name for item in WORKLOADS) + ".")],
    engine: Annotated[str, typer.Option(help="The engine; auto is the fastest.")] = "auto",
    seconds: Annotated[float, typer.Option(help="How long steps are taken.")] = 3.0,
    threads: Annotated[int | None, typer.Option(min=1, help="On how many threads it computes; absent: all.")] = None,
    mixed: Annotated[bool, typer.Option("--mixed", help="Contractions in bfloat16.")] = False,
    rows: Annotated[int, typer.Option(help="How many pieces are listed.")] = 30,
) -> None:
    """Print the pieces of a step that take longest, and the sums by op."""
    try:
        chosen = workload_named(workload)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if threads is not None:
        set_blas_threads(threads)
    steps = LocalSteps(chosen, first_weights(chosen), engine, "mixed" if mixed else "as_written")
    profile = profiled(steps.session, steps.step, seconds=seconds)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(_pieces(profile, rows))
    console.print(_ops(profile, rows))
    console.print(f"Matrix products and convolutions, with what is fused to them: {profile.product_share:.0%}")


def _pieces(profile: Profile, rows: int) -> Table:
    """The pieces, one a row, the longest first."""
    title = f"{len(profile.each)} steps on the engine {profile.engine}; median {median(profile.each) / 1e6:.3f} ms, "
    title += f"minimum {min(profile.each) / 1e6:.3f} ms"
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for column in ("part", "median, µs", "minimum", "GFLOP/s", "calls"):
        table.add_column(column, justify="right")
    for column in ("graph", "ops", "nodes", "result"):
        table.add_column(column, overflow="fold")
    for piece in _longest(profile.pieces)[:rows]:
        time = median(piece.each)
        figures = (f"{time / 1e3:,.1f}", f"{min(piece.each) / 1e3:,.1f}", f"{piece.operations / max(time, 1):.1f}")
        names = (str(piece.calls), piece.graph, piece.ops, _nodes(piece), " ".join(piece.results))
        table.add_row(f"{profile.part([piece]):.1%}", *figures, *names)
    table.add_row(f"{1 - profile.part(profile.pieces):.1%}", *[""] * 5, "Python, copies in and out and of the state")
    return table


def _ops(profile: Profile, rows: int) -> Table:
    """The sums by ops, the longest first."""
    table = Table(title="By ops", title_justify="left", box=SIMPLE)
    table.add_column("part", justify="right")
    table.add_column("ops", overflow="fold")
    groups: defaultdict[str, list[Piece]] = defaultdict(list)
    for piece in _longest(profile.pieces):
        groups[piece.ops].append(piece)
    parts = sorted(((profile.part(pieces), ops) for ops, pieces in groups.items()), reverse=True)
    for part, ops in parts[:rows]:
        table.add_row(f"{part:.1%}", ops)
    return table


def _longest(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, the longest first."""
    return sorted(pieces, key=lambda piece: -sum(piece.each))


def _nodes(piece: Piece) -> str:
    named, more = piece.nodes[:_MOST_NODES], len(piece.nodes) - _MOST_NODES
    return " ".join(named) + (f" and {more} more" if more > 0 else "")


if __name__ == "__main__":
    typer.run(main)
