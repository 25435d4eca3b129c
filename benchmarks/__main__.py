"""Run the benchmarks and print their tables."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from asg_executor.blas import blas_threads
from benchmarks.chart import draw_chart
from benchmarks.checkpointing import bench_checkpointing
from benchmarks.document_stages import bench_document_stages
from benchmarks.inference import bench_inference
from benchmarks.readme import replace_part
from benchmarks.report import markdown, print_report
from benchmarks.results import Results
from benchmarks.side_by_side import measure
from benchmarks.workloads import WORKLOADS, Workload, workload_named

_ROOT = Path(__file__).parents[1]
_WIDTH = 160  # where it is no terminal
_PART = "side by side"
_CHART = "benchmarks/side_by_side.png"


def main(
    seconds: Annotated[float, typer.Option(help="How long to time each candidate of each workload.")] = 5.0,
    start_seconds: Annotated[float, typer.Option(help="How long a peer may compile.")] = 180.0,
    side_by_side_only: Annotated[bool, typer.Option("--side-by-side-only", help="Only steps beside peers.")] = False,
    documents_only: Annotated[bool, typer.Option("--documents-only", help="Only the stages of a document.")] = False,
    million: Annotated[bool, typer.Option("--million", help="Documents of 100,000 and 1,000,000 nodes, too.")] = False,
    workload: Annotated[list[str] | None, typer.Option(help="Only this one beside peers; may be repeated.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where the results beside peers are written as JSON.")] = None,
    measured: Annotated[Path | None, typer.Option(help="Show these results, of an earlier --json, instead.")] = None,
    write_readme: Annotated[bool, typer.Option("--write-readme", help="Write table and chart of the README.")] = False,
) -> None:
    """Time steps beside peers, inference over HTTP, checkpoints of a deep model, and the stages of a document."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if not documents_only:
        results = (
            _earlier(measured)
            if measured
            else measure(console, seconds=seconds, start_seconds=start_seconds, workloads=_chosen(workload))
        )
        print_report(console, results)
        if json is not None:
            json.write_text(results.model_dump_json(indent=1))
        if write_readme:
            draw_chart(results, _ROOT / _CHART)
            replace_part(_ROOT / "README.md", _PART, markdown(results, _CHART))
    if not documents_only and not side_by_side_only:
        # Servers compute on as many threads as what runs in this process.
        os.environ.setdefault("ASG_BLAS_THREADS", str(blas_threads() or 1))
        bench_inference(console, seconds)
        bench_checkpointing(console)
    if not side_by_side_only:
        bench_document_stages(console, (1_000, 30_000, 100_000, 1_000_000) if million else (1_000, 30_000))


def _earlier(path: Path) -> Results:
    try:
        return Results.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise typer.BadParameter(f"{path} has no results: {error}") from None


def _chosen(names: list[str] | None) -> list[Workload]:
    try:
        return [workload_named(name) for name in names] if names else list(WORKLOADS)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
