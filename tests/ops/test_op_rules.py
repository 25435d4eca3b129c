"""Each op's own rules: what it refuses, where the problem is, and the whole of what is said."""

from typing import Any

import pytest

from asg_schema.op_table import OPS
from op_samples.problems import only_problem
from op_samples.refusals import ALL_CASES, Case


def document(op: str, types: list[str], attributes: dict[str, Any]) -> dict[str, Any]:
    """A document with one node, "result", over inputs "x0", "x1", … of types written as in errors: `float32[2, n]`."""
    inputs: list[dict[str, Any]] = []
    for index, written in enumerate(types):
        dtype, _, dims = written.rstrip("]").partition("[")
        shape = [int(dim) if dim.isdigit() else dim for dim in dims.split(", ") if dim]
        inputs.append({"id": f"x{index}", "dtype": dtype, "shape": shape})
    node = {"id": "result", "op": op, "inputs": [item["id"] for item in inputs], **attributes}
    return {"asg": 1, "inputs": inputs, "nodes": [node], "outputs": [{"name": "y0", "value": "result"}]}


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.op}{case.pointer}")
def test_rule(case: Case) -> None:
    problem = only_problem(document(case.op, case.types, case.attributes))
    assert problem.pointer == f"/nodes/0{case.pointer}"
    assert problem.message == f'node "result" ({case.op}): {case.message}'


def test_every_op_with_a_rule_of_its_own_has_a_case() -> None:
    """Arity and dtypes are all that an op without attributes can refuse that takes one operand."""
    with_rules = {op.name for op in OPS.values() if op.attributes or len(op.operands) > 1}
    assert {case.op for case in ALL_CASES} == with_rules
