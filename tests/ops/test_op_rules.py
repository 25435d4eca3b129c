"""Each op's own rules: what it refuses, where the problem is, and the whole of what is said."""

import pytest

from asg_schema.op_table import OPS
from op_samples.problems import only_problem, single_node_document
from op_samples.refusals import ALL_CASES, Case


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.op}{case.pointer}")
def test_rule(case: Case) -> None:
    problem = only_problem(single_node_document(case.op, case.types, case.attributes))
    assert problem.pointer == f"/nodes/0{case.pointer}"
    assert problem.message == f'node "result" ({case.op}): {case.message}'


def test_every_op_with_a_rule_of_its_own_has_a_case() -> None:
    """Arity and dtypes are all that an op without attributes can refuse that takes one operand."""
    elsewhere = {"call": "tests/schema/test_functions.py: a document with functions is needed"}
    with_rules = {op.name for op in OPS.values() if op.attributes or len(op.operands) > 1}
    assert sorted(with_rules - {case.op for case in ALL_CASES}) == sorted(elsewhere)
