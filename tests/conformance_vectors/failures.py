"""Runs that fail: an index outside its axis for every op that has indices, matrices without factors, wrong inputs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import asg_executor
from asg_executor.errors import ExecutorError
from asg_schema.composites.linalg import Inv, Solve
from asg_schema.document import Document
from asg_schema.op import DTypeGroup, Op
from asg_schema.op_table import OPS
from asg_schema.ops.linalg import Cholesky, TriangularSolve
from conformance_vectors.case import Case, failing_case, without_name
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample, declared_operand, sample_document, sample_inputs

__all__ = ["WITHOUT_INDEX_ERROR", "cases_of_failures", "cases_of_requests", "index_operands"]

WITHOUT_INDEX_ERROR = {
    ("dynamic_slice", "start"): "a start is clamped",
    ("dynamic_update_slice", "start"): "a start is clamped",
    ("rotary_embedding", "positions"): "a position is no index",
}
"""Operands of indices that may hold any integer, and why."""

_TARGETS = {("cross_entropy", "target")}  # indices or something else


def index_operands(op: type[Op]) -> list[str]:
    """The names of an op's operands that hold indices into an axis."""
    return [
        operand.name
        for operand in op.operands
        if (operand.dtypes is DTypeGroup.INDEX or (op.name, operand.name) in _TARGETS)
        and (op.name, operand.name) not in WITHOUT_INDEX_ERROR
    ]


def cases_of_failures() -> Iterator[tuple[str, Case]]:
    """Runs with an index that is too large or too small, and with matrices that have no factors, by family."""
    for op in OPS.values():
        for name in index_operands(op):
            sample, place = next(
                (sample, place)
                for sample in ALL_SAMPLES
                if sample.op is op
                for place, operand in enumerate(sample.operands)
                if declared_operand(op, place).name == name and operand.size and operand.dtype.kind == "i"
            )
            for what, index in (("beyond", 2**31 - 1), ("below", -(2**31))):
                wrong = _with_index(sample, place, index)
                id = f"{op.name}.fails.{name}_{what}"
                case = failing_case(id, op.name, sample_document(wrong), sample_inputs(wrong), "index_out_of_range")
                yield op.family(), _checked(case, wrong)

    for op, what, operands in _WITHOUT_FACTORS:
        sample = Sample(f"{op.name}.{what}", op, operands, {}, lambda: np.zeros(()))
        document, inputs = sample_document(sample), sample_inputs(sample)
        yield (
            op.family(),
            _checked(failing_case(f"{op.name}.fails.{what}", op.name, document, inputs, "run_failed"), sample),
        )


_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
_WITHOUT_FACTORS: list[tuple[type[Op], str, tuple[Array, ...]]] = [
    (Cholesky, "indefinite", (np.array([[1.0, 2.0], [2.0, 1.0]]),)),
    (TriangularSolve, "zero_on_diagonal", (np.array([[1.0, 5.0], [5.0, 0.0]]), np.ones((2, 1)))),
    (Solve, "singular", (np.stack([np.eye(2), _SINGULAR]), np.ones(2))),
    (Inv, "singular", (_SINGULAR,)),
]


def _with_index(sample: Sample, place: int, index: int) -> Sample:
    """The sample with another last index."""
    operands = list(sample.operands)
    operands[place] = operands[place].copy()
    operands[place].reshape(-1)[-1] = index
    return replace(sample, operands=tuple(operands), reference=lambda: np.zeros(()))


def _checked(case: Case, sample: Sample) -> Case:
    try:
        asg_executor.run(sample_document(sample), sample_inputs(sample))
    except ExecutorError as error:
        if error.code == case["fails"]:
            return case
        raise
    raise ValueError(f"{case['id']}: the run is to fail with {case['fails']}")


_NEGATIVE = Document.from_dict(
    {
        "asg": 1,
        "inputs": [
            {"id": "x", "dtype": "float32", "shape": ["n"]},
            {"id": "i", "dtype": "int32", "shape": ["n"]},
            {"id": "b", "dtype": "bool", "shape": []},
        ],
        "nodes": [
            {"id": "y", "op": "negative", "inputs": ["x"]},
            {"id": "j", "op": "negative", "inputs": ["i"]},
            {"id": "c", "op": "logical_not", "inputs": ["b"]},
        ],
        "outputs": [{"name": name, "value": name} for name in ("y", "j", "c")],
    }
)
_LARGEST = Document.from_dict(
    {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "nodes": [{"id": "y", "op": "max", "inputs": ["x"]}],
        "outputs": [{"name": "y", "value": "y"}],
    }
)
_FIRST_THREE = Document.from_dict(
    {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "nodes": [{"id": "y", "op": "slice", "inputs": ["x"], "start": [0], "stop": [3]}],
        "outputs": [{"name": "y", "value": "y"}],
    }
)


def _tensor(dtype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data": data}


_FITTING: dict[str, Any] = {"x": [1.5], "i": [1], "b": True}
_MISFITS: dict[str, tuple[Document, dict[str, Any], str]] = {
    "unknown_input": (_NEGATIVE, {**_FITTING, "z": 1}, "interface_mismatch"),
    "bool_for_number": (_NEGATIVE, {**_FITTING, "x": [True]}, "interface_mismatch"),
    "number_for_bool": (_NEGATIVE, {**_FITTING, "b": 1}, "interface_mismatch"),
    "fraction_for_integer": (_NEGATIVE, {**_FITTING, "i": [1.0]}, "interface_mismatch"),
    "integer_out_of_range": (_NEGATIVE, {**_FITTING, "i": [2**31]}, "interface_mismatch"),
    "float_out_of_range": (_NEGATIVE, {**_FITTING, "x": [1e39]}, "interface_mismatch"),
    "misspelt_infinity": (_NEGATIVE, {**_FITTING, "x": ["infinity"]}, "interface_mismatch"),
    "ragged_list": (_NEGATIVE, {**_FITTING, "x": [1.5, [2.5]]}, "interface_mismatch"),
    "another_rank": (_NEGATIVE, {**_FITTING, "x": [[1.5]]}, "interface_mismatch"),
    "another_dtype": (_NEGATIVE, {**_FITTING, "x": _tensor("float64", [1], [1.5])}, "interface_mismatch"),
    "too_few_elements": (_NEGATIVE, {**_FITTING, "x": _tensor("float32", [2], [1.5])}, "interface_mismatch"),
    "symbol_with_two_values": (_NEGATIVE, {**_FITTING, "i": [1, 2]}, "unbound_symbol"),
    "no_element_to_choose": (_LARGEST, {"x": []}, "unbound_symbol"),
    "symbol_too_small_for_slice": (_FIRST_THREE, {"x": [1.5, 2.5]}, "unbound_symbol"),
}


def cases_of_requests() -> Iterator[Case]:
    """Inputs in every form that a request may give them in, and inputs that are refused."""
    expected = {
        "y": {**_tensor("float32", [2], [-1.5, "-inf"])},
        "j": {**_tensor("int32", [2], [-1, 2])},
        "c": {**_tensor("bool", [], [False])},
    }
    forms = {
        "nested_lists": {"x": [1.5, "inf"], "i": [1, -2], "b": True},
        "typed_tensors": {
            "x": _tensor("float32", [2], [1.5, "inf"]),
            "i": _tensor("int32", [2], [1, -2]),
            "b": _tensor("bool", [], [True]),
        },
    }
    source = without_name(_NEGATIVE)
    for form, inputs in forms.items():
        yield {"id": f"request.{form}", "document": source, "inputs": inputs, "expected": expected}
    for what, (document, inputs, code) in _MISFITS.items():
        yield {"id": f"request.{what}", "document": without_name(document), "inputs": inputs, "fails": code}
