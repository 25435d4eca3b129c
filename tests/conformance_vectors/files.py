"""The vector files: their texts, and where they lie."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from asg_schema.op_table import OPS
from conformance_vectors.case import Case
from conformance_vectors.edges import cases_of_edges
from conformance_vectors.failures import cases_of_failures, cases_of_requests
from conformance_vectors.programs import cases_of_programs
from conformance_vectors.refusals import cases_of_faults, cases_of_refusals
from conformance_vectors.samples import cases_of_samples

__all__ = ["FOLDER", "all_cases", "file_text", "write_files"]

FOLDER = Path(__file__).parents[1] / "conformance"


def all_cases() -> dict[str, list[Case]]:
    """The cases of each file, by its name without the ending."""
    files: dict[str, list[Case]] = {family: [] for family in sorted({op.family() for op in OPS.values()})}
    of_ops: Iterator[tuple[str, Case]] = chain(
        cases_of_samples(), cases_of_edges(), cases_of_failures(), cases_of_refusals()
    )
    for family, case in of_ops:
        files[family].append(case)
    for cases in files.values():
        cases.sort(key=lambda case: case["op"])  # stable: the cases of an op stay in their order
    files["documents"] = list(cases_of_faults())
    files["programs"] = list(cases_of_programs())
    files["requests"] = list(cases_of_requests())
    return files


def file_text(name: str, cases: list[Case]) -> str:
    """A vector file: one case a line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for case in cases)
    return f'{{"asg_conformance":1,"file":"{name}","cases":[\n{lines}\n]}}\n'


def write_files(files: Mapping[str, list[Case]], folder: Path = FOLDER) -> None:
    """Write every file, and remove those that are no more."""
    for name, cases in files.items():
        (folder / f"{name}.json").write_text(file_text(name, cases), encoding="utf-8")
    for path in folder.glob("*.json"):
        if path.stem not in files:
            path.unlink()
