"""What each op refuses: where the problem is, and that the message names the node, the values and their types.

Arity, dtypes, and attributes that do not exist are tried on every op, from its declaration. Each op's own rules are
written out in test_op_rules.py.
"""

from typing import Any

import pytest

from asg_schema.dtype import DType
from asg_schema.errors import Problem
from asg_schema.op import Op
from asg_schema.op_table import OPS
from op_samples import ALL_SAMPLES
from op_samples.problems import only_problem, problems_of
from op_samples.sample import Sample, dtype_of, sample_document

SAMPLE_OF: dict[type[Op], Sample] = {sample.op: sample for sample in reversed(ALL_SAMPLES)}
every_op = pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)


def sample_source(op: type[Op]) -> dict[str, Any]:
    return sample_document(SAMPLE_OF[op]).to_dict()


@pytest.mark.parametrize(
    "op", [op for op in OPS.values() if not any(operand.variadic for operand in op.operands)], ids=lambda op: op.name
)
def test_too_many_operands(op: type[Op]) -> None:
    source = sample_source(op)
    (node,) = source["nodes"]
    source["inputs"].append({"id": "extra", "dtype": "float64", "shape": []})
    node["inputs"] = [*node.get("inputs", []), *["extra"] * (len(op.operands) + 1 - len(node.get("inputs", [])))]
    problem = only_problem(source)
    assert problem.pointer == "/nodes/0/inputs"
    assert problem.message.startswith(f'node "result" ({op.name}): takes ')
    assert problem.message.endswith(f", not {len(op.operands) + 1}")
    assert all(operand.name in problem.message for operand in op.operands)


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.operands], ids=lambda op: op.name)
def test_too_few_operands(op: type[Op]) -> None:
    source = sample_source(op)
    required = sum(not operand.optional for operand in op.operands)
    (node,) = source["nodes"]
    node["inputs"] = node["inputs"][: required - 1]
    problem = only_problem(source)
    assert problem.pointer == "/nodes/0/inputs"
    assert problem.message.startswith(f'node "result" ({op.name}): takes ')
    assert problem.message.endswith(f", not {required - 1}")


@pytest.mark.parametrize(
    ("op", "index"),
    [
        pytest.param(op, index, id=f"{op.name}.{operand.name}")
        for op in OPS.values()
        for index, operand in enumerate(op.operands)
        if operand.dtypes.value != frozenset(DType)
    ],
)
def test_dtype_that_an_operand_may_not_have(op: type[Op], index: int) -> None:
    sample = next(sample for sample in ALL_SAMPLES if sample.op is op and len(sample.operands) > index)
    source = sample_document(sample).to_dict()
    operand = op.operands[index]
    wrong = next(dtype for dtype in DType if dtype not in operand.dtypes.value)
    source["inputs"][index]["dtype"] = wrong.value
    problem = only_problem(source)
    shape = ", ".join(map(str, sample.operands[index].shape))
    assert problem.pointer == f"/nodes/0/inputs/{index}"
    assert problem.code == "type_mismatch"
    assert problem.message == (
        f'node "result" ({op.name}): "x{index}" {wrong.value}[{shape}] ({operand.name}) has dtype {wrong.value}; '
        f"{operand.dtypes.description} is needed there"
    )


def _sharing(op: type[Op]) -> list[int]:
    """The operands that must have the dtype of an operand before them, and by themselves might have another."""
    variables = [operand.variable for operand in op.operands]
    several = [len(operand.dtypes.value) > 1 for operand in op.operands]
    return [index for index, variable in enumerate(variables) if variable in variables[:index] and several[index]]


@pytest.mark.parametrize(
    ("op", "index"),
    [pytest.param(op, index, id=f"{op.name}.{index}") for op in OPS.values() for index in _sharing(op)],
)
def test_two_dtypes_where_one_is_needed(op: type[Op], index: int) -> None:
    sample = next(sample for sample in ALL_SAMPLES if sample.op is op and len(sample.operands) > index)
    source = sample_document(sample).to_dict()
    given = dtype_of(sample.operands[index])
    other = next(dtype for dtype in DType if dtype is not given and dtype in op.operands[index].dtypes.value)
    source["inputs"][index]["dtype"] = other.value
    problem = only_problem(source)
    variables = [operand.variable for operand in op.operands]
    first = variables.index(variables[index])
    types = [sample_document(sample).types[f"x{place}"] for place in (first, index)]
    assert problem.pointer == f"/nodes/0/inputs/{index}"
    assert f'"x{first}" {types[0]} and "x{index}" {types[1]._replace(dtype=other)} differ in dtype' in problem.message


@every_op
def test_unknown_attribute(op: type[Op]) -> None:
    source = sample_source(op)
    source["nodes"][0]["colour"] = "red"
    problem = only_problem(source)
    assert problem == Problem(
        "/nodes/0/colour", "unknown_field", f'node "result" ({op.name}): there is no field "colour" here'
    )


@pytest.mark.parametrize(
    ("op", "name"),
    [
        pytest.param(op, name, id=f"{op.name}.{name}")
        for op in OPS.values()
        for name in op.attributes
        if op.model_fields[name].is_required()
    ],
)
def test_missing_attribute(op: type[Op], name: str) -> None:
    source = sample_source(op)
    del source["nodes"][0][name]
    problem = only_problem(source)
    assert problem.pointer == f"/nodes/0/{name}"
    assert problem.message == f'node "result" ({op.name}): the field "{name}" is missing'


@pytest.mark.parametrize(
    ("op", "name"),
    [pytest.param(op, name, id=f"{op.name}.{name}") for op in OPS.values() for name in op.attributes],
)
def test_attribute_of_a_wrong_kind(op: type[Op], name: str) -> None:
    source = sample_source(op)
    source["nodes"][0][name] = {"wrong": "kind"}
    problems = problems_of(source)
    assert all(problem.pointer.startswith(f"/nodes/0/{name}") for problem in problems)
    assert all(f'node "result" ({op.name}): ' in problem.message for problem in problems)
