"""Run the benchmarks and print their tables."""

import os
from typing import Annotated

import typer
from rich.console import Console

from asg_executor.blas import blas_threads
from benchmarks.checkpointing import bench_checkpointing
from benchmarks.document_stages import bench_document_stages
from benchmarks.inference import bench_inference
from benchmarks.training_steps import bench_training_steps


def main(
    seconds: Annotated[float, typer.Option(help="How long to time each candidate of each workload.")] = 5.0,
    documents_only: Annotated[bool, typer.Option("--documents-only", help="Only the stages of a document.")] = False,
    million: Annotated[bool, typer.Option("--million", help="Documents of 100,000 and 1,000,000 nodes, too.")] = False,
) -> None:
    """Time training steps, inference over HTTP, checkpoints of a deep model, and the stages of a document's life."""
    # Servers compute on as many threads as what runs in this process.
    os.environ.setdefault("ASG_BLAS_THREADS", str(blas_threads() or 1))
    console = Console()
    if not documents_only:
        bench_training_steps(console, seconds)
        bench_inference(console, seconds)
        bench_checkpointing(console)
    bench_document_stages(console, (1_000, 30_000, 100_000, 1_000_000) if million else (1_000, 30_000))


typer.run(main)
