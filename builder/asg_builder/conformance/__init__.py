"""The conformance vectors, and what runs them against an executor: how an implementation proves itself.

`vectors` reads them, `check` runs one case over HTTP, `comparison` compares a tensor, `run` runs all, and `report`
tells the outcome. What a case holds is defined in the README beside the vectors.
"""

from asg_builder.conformance.run import Outcome, run_cases
from asg_builder.conformance.vectors import Case, read_cases, vector_folder

__all__ = ["Case", "Outcome", "read_cases", "run_cases", "vector_folder"]
