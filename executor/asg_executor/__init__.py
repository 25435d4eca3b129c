"""The executor: it holds the weights, runs documents, and applies optimizer steps."""

from asg_executor.run import run

__all__ = ["run"]
