"""The cases of a vector file, as JSON has them; `tests/conformance/README.md` defines their fields."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from asg_schema.document import Document
from conformance_vectors.tensors import tensor_json
from op_samples.sample import Array

__all__ = ["Case", "expected_json", "failing_case", "inputs_json", "refused_case", "run_case", "without_name"]

Case: TypeAlias = dict[str, Any]


def run_case(id: str, op: str | None, document: Document, inputs: Mapping[str, Array], expected: Case) -> Case:
    """A case that runs a document.

    Args:
        id: unique among all cases.
        op: the op that it is about, if it is about one.
        document: the document.
        inputs: an array for each input and parameter.
        expected: for each output to be asked for what `expected_json` gives.
    """
    return {**_head(id, op), "document": without_name(document), **inputs_json(document, inputs), "expected": expected}


def failing_case(id: str, op: str | None, document: Document, inputs: Mapping[str, Array], code: str) -> Case:
    """A case whose run fails with `code`."""
    return {**_head(id, op), "document": without_name(document), **inputs_json(document, inputs), "fails": code}


def refused_case(id: str, op: str | None, document: Mapping[str, Any], problems: list[tuple[str, str]]) -> Case:
    """A case whose document is refused.

    Args:
        id: unique among all cases.
        op: the op that it is about, if it is about one.
        document: the document as JSON has it.
        problems: pointer and code of each problem, in document order.
    """
    refused = [{"pointer": pointer, "code": code} for pointer, code in problems]
    return {**_head(id, op), "document": document, "refused": refused}


def _head(id: str, op: str | None) -> Case:
    return {"id": id} if op is None else {"id": id, "op": op}


def without_name(document: Document) -> dict[str, Any]:
    """A document as JSON has it, without its name and its empty lists."""
    source = document.to_dict()
    return {key: value for key, value in source.items() if key != "name" and value != []}


def inputs_json(document: Document, inputs: Mapping[str, Array]) -> Case:
    """The fields `inputs` and, where the document has parameters, `parameters`."""
    parameters = {item.id for item in document.parameters}
    result: Case = {"inputs": {name: tensor_json(array) for name, array in inputs.items() if name not in parameters}}
    if parameters:
        result["parameters"] = {name: tensor_json(inputs[name]) for name in sorted(parameters)}
    return result


def expected_json(
    array: Array, *, relative: float = 0.0, absolute: float = 0.0, signed_zeros: bool = False
) -> dict[str, Any]:
    """An expected output.

    Args:
        array: its value.
        relative: how far a finite element may be off, relative to itself.
        absolute: the same in absolute terms.
        signed_zeros: whether the signs of zeros are part of the value.
    """
    result = tensor_json(array)
    bounds = {"relative": _rounded_up(relative), "absolute": _rounded_up(absolute)}
    result.update({name: bound for name, bound in bounds.items() if bound})
    if signed_zeros and bool(np.any((array == 0) & np.signbit(array.astype(np.float64)))):
        result["signed_zeros"] = True
    return result


def _rounded_up(bound: float) -> float:
    """The bound with three digits, no smaller than it is."""
    if bound == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(bound)) - 2)
    rounded = float(f"{bound:.2e}") if unit else bound
    return rounded if rounded >= bound else float(f"{bound + unit:.2e}")
