"""The executor: it holds the weights, runs documents, and applies optimizer steps."""

from asg_executor.run import run
from asg_executor.sessions.session import Session

__all__ = ["Session", "run"]
