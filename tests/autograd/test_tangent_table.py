"""Every op that can be differentiated has a tangent rule or an expansion, and no op has one that it does not need."""

import pytest

from asg_autograd.tangents import tangents
from asg_schema.composite import Composite
from asg_schema.op_table import OPS

DIFFERENTIABLE = {op for op in OPS.values() if any(operand.differentiable for operand in op.operands)}
PRIMITIVES = {op for op in DIFFERENTIABLE if not issubclass(op, Composite)}

DIFFERENTIATED_BY_EXPANSION = {
    "call": "its expansion is the function's nodes",
    "adaptive_max_pool": "its expansion takes one element of each window, and so does its tangent",
    "attention": "its expansion is its weights and a product; a rule would repeat theirs",
    "embedding": "its expansion is one gather, behind which the padding row is stopped",
    "global_max_pool": "its expansion is one adaptive_max_pool",
    "hardshrink": "its expansion is one choice, and so is the tangent of that",
    "hardsigmoid": "its expansion is two choices, and so is the tangent of that",
    "hardtanh": "as hardsigmoid",
    "norm": "its expansion is a sum of powers and a root; a rule would repeat theirs",
    "pairwise_distance": "its expansion is a norm of a difference",
    "relu6": "it is hardtanh with other bounds",
    "selu": "it is a multiple of elu",
    "std": "its expansion is the variance and a root; a rule would repeat theirs",
}


def test_the_primitives_with_a_rule_are_those_with_a_differentiable_operand() -> None:
    assert {op for op in tangents if not issubclass(op, Composite)} == PRIMITIVES


@pytest.mark.parametrize("name", sorted(op.name for op in DIFFERENTIABLE - PRIMITIVES))
def test_a_composite_has_a_rule_unless_a_reason_is_given(name: str) -> None:
    assert (OPS[name] in tangents) != (name in DIFFERENTIATED_BY_EXPANSION)


def test_no_rule_is_for_an_op_without_a_differentiable_operand() -> None:
    assert set(tangents) <= DIFFERENTIABLE


def test_no_reason_is_given_for_what_is_no_composite() -> None:
    assert {OPS[name] for name in DIFFERENTIATED_BY_EXPANSION} <= DIFFERENTIABLE - PRIMITIVES
