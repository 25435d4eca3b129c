"""Every op that can be differentiated has a rule or an expansion, and no op has one that it does not need."""

import pytest

from asg_autograd.rules import rules
from asg_schema.composite import Composite
from asg_schema.op_table import OPS

DIFFERENTIABLE = {op for op in OPS.values() if any(operand.differentiable for operand in op.operands)}
PRIMITIVES = {op for op in DIFFERENTIABLE if not issubclass(op, Composite)}

DIFFERENTIATED_BY_EXPANSION = {
    "adaptive_avg_pool": "its expansion takes means of elements that it chooses; a rule would have to choose them too",
    "adaptive_max_pool": "as adaptive_avg_pool",
    "call": "its function says how: by its nodes, or by its vjp, of which custom_gradient.py has the one rule",
    "avg_pool": "its expansion is a sum of windows over a number; a rule would repeat that of the sum",
    "diag": "its expansion chooses elements; a rule would repeat it",
    "diagonal": "its expansion is one gather; a rule would repeat its rule",
    "embedding": "its expansion is one gather; a rule would repeat its rule",
    "norm": "its expansion is a sum of powers and a root; a rule would repeat theirs",
    "std": "its expansion is the variance and a root; a rule would repeat theirs",
    "global_avg_pool": "its expansion is one mean",
    "global_max_pool": "its expansion is one adaptive_max_pool",
    "hardshrink": "its expansion is one choice, and so is the derivative of that",
    "hardsigmoid": "its expansion is two choices, and so is the derivative of that",
    "hardtanh": "as hardsigmoid",
    "interpolate": "its expansion takes elements and weights them; a rule would have to compute both too",
    "nll": "its expansion is a gather; a rule would repeat its scatter",
    "pairwise_distance": "its expansion is a norm of a difference",
    "pad_edge": "its expansion is slices that are joined; a rule would take apart what they put together",
    "pad_reflect": "as pad_edge",
    "relu6": "it is hardtanh with other bounds",
    "repeat": "its expansion is one broadcast",
    "selu": "it is a multiple of elu",
    "stack": "its expansion is one concatenation",
    "tile": "as repeat",
}


def test_the_primitives_with_a_rule_are_those_with_a_differentiable_operand() -> None:
    assert {op for op in rules if not issubclass(op, Composite)} == PRIMITIVES


@pytest.mark.parametrize("name", sorted(op.name for op in DIFFERENTIABLE - PRIMITIVES))
def test_a_composite_has_a_rule_unless_a_reason_is_given(name: str) -> None:
    assert (OPS[name] in rules) != (name in DIFFERENTIATED_BY_EXPANSION)


def test_no_rule_is_for_an_op_without_a_differentiable_operand() -> None:
    assert set(rules) <= DIFFERENTIABLE


def test_a_rule_stands_in_the_module_of_its_family() -> None:
    for op in rules:
        prefix = "composites." if issubclass(op, Composite) else ""
        module = rules[op].__module__.removeprefix(f"asg_autograd.rules.{prefix}")
        assert module.partition("_")[0] == op.family(), op.name
