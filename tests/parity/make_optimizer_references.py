"""Write the reference numbers of tests/executor/optimizers/reference anew.

    python -m parity.make_optimizer_references

Run it in `tests`, with PyTorch installed. The numbers are those of 50 steps in float64: the parameters after some of
them, and the learning rates of all.
"""

import json
from pathlib import Path
from typing import Any

import torch

from executor_harness.quadratic import SNAPSHOTS
from parity.optimizer_references import OPTIMIZER_FORMS, OPTIMIZERS, SCHEDULE_FORMS, rates, trajectory

FOLDER = Path(__file__).parents[1] / "executor/optimizers/reference"


def optimizer_cases(kind: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    for form in OPTIMIZER_FORMS:
        if form["kind"] == kind:
            found = trajectory(form)
            after = {str(step): {name: value.tolist() for name, value in found[step - 1].items()} for step in SNAPSHOTS}
            cases.append({"optimizer": form, "after": after})
    return cases


def write(name: str, cases: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(case) for case in cases)
    heading = json.dumps(f"torch {torch.__version__}")
    (FOLDER / f"{name}.json").write_text(f'{{"made_with": {heading},\n "cases": [\n{lines}\n]}}\n')


def main() -> None:
    """Write one file for each optimizer, and one for all schedules."""
    FOLDER.mkdir(exist_ok=True)
    for kind in OPTIMIZERS:
        write(kind, optimizer_cases(kind))
    write("schedules", [{"schedule": form, "rates": rates(form)} for form in SCHEDULE_FORMS])


if __name__ == "__main__":
    main()
