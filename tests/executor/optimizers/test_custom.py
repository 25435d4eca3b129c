"""Update rules that clients bring as documents: they train as built-in ones do, and are told what is wrong."""

from typing import Any

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.errors import RunError
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.errors import OptimizerError
from executor_harness.custom_rules import momentum_document
from executor_harness.quadratic import START, pulls, quadratic

pytestmark = pytest.mark.usefixtures("each_engine")


def form(**changes: Any) -> dict[str, Any]:
    return {"kind": "document", "document": momentum_document(**changes), "learning_rate": 0.1}


def test_it_trains_as_sgd_with_momentum_does() -> None:
    ours = Session({"train": quadratic()}, form(), parameters=START)
    theirs = Session({"train": quadratic()}, {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}, parameters=START)
    for step in range(1, 20):
        ours.step(pulls(step))
        theirs.step(pulls(step))
    for name, value in theirs.parameters().items():
        np.testing.assert_allclose(ours.parameters()[name], value, rtol=1e-12)


def test_it_takes_schedules_groups_clipping_and_averages() -> None:
    schedule = {"kind": "exponential", "learning_rate": 0.1, "gamma": 0.9}
    common: dict[str, Any] = {
        "learning_rate": schedule,
        "groups": [{"parameters": "bias", "learning_rate": 0.01}],
        "clip_global_norm": 1.0,
        "average_decay": 0.5,
    }
    ours = Session({"train": quadratic()}, {**form(), **common}, parameters=START)
    theirs = Session({"train": quadratic()}, {"kind": "sgd", "momentum": 0.9, **common}, parameters=START)
    for step in range(1, 6):
        ours.step(pulls(step))
        theirs.step(pulls(step))
    for name, value in theirs.averaged_parameters().items():
        np.testing.assert_allclose(ours.averaged_parameters()[name], value, rtol=1e-12)


def test_it_may_be_that_of_a_group_and_without_step_or_rate() -> None:
    nodes = [{"id": "moved", "op": "subtract", "inputs": ["parameter", "gradient"]}]
    inputs = momentum_document()["inputs"][:2]
    plain = {"asg": 1, "inputs": inputs, "nodes": nodes, "outputs": [{"name": "parameter", "value": "moved"}]}
    group = {"parameters": "bias", "optimizer": {"kind": "document", "document": plain}}
    session = Session({"train": quadratic()}, {"kind": "sgd", "groups": [group]}, parameters=START)
    before = session.parameters()["bias"]
    gradient = session.run("train", pulls(1), ["grad.bias"])["grad.bias"]
    session.step(pulls(1))
    np.testing.assert_array_equal(session.parameters()["bias"], before - gradient)
    written = parse_optimizer({"kind": "sgd", "groups": [group]}).to_json()
    assert written["groups"][0]["optimizer"]["document"] == plain
    assert parse_optimizer(written).to_json() == written


def test_its_slots_are_part_of_the_state() -> None:
    session = Session({"train": quadratic()}, form(), parameters=START)
    session.step(pulls(1))
    moved = session.digest()
    session.set_parameters(START)
    fresh = Session({"train": quadratic()}, form(), parameters=START)
    assert len({moved, session.digest(), fresh.digest()}) == 3


INPUTS = momentum_document()["inputs"]
OUTPUTS = momentum_document()["outputs"]


def with_slot(slot: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": [*INPUTS, slot], "outputs": [*OUTPUTS, {"name": slot["id"], "value": slot["id"]}]}


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"nodes": []}, "/document/outputs/0/value", "unknown_value", "moved"),
    ({"asg": 99}, "/document/asg", "newer_version", "99"),
    ({"inputs": INPUTS[1:], "nodes": [], "outputs": []}, "/document/inputs", "missing_input", '"parameter"'),
    ({"outputs": OUTPUTS[:1]}, "/document/outputs", "missing_output", '"velocity"; the next value of the slot'),
    ({"outputs": OUTPUTS[1:]}, "/document/outputs", "missing_output", "the next value of the parameter"),
    ({"outputs": [*OUTPUTS, {"name": "m", "value": "move"}]}, "/document/outputs/2", "unknown_name", '"m"'),
    (
        {"outputs": [OUTPUTS[0], {"name": "velocity", "value": "kept"}]},
        "/document/outputs/1",
        "type_mismatch",
        "float64[]; float64[length]",
    ),
    (
        {"inputs": [INPUTS[0], INPUTS[1], INPUTS[2], {**INPUTS[3], "dtype": "float32"}]},
        "/document/inputs/3",
        "type_mismatch",
        "float32[]; float64[] is needed",
    ),
    (
        {"inputs": [*INPUTS, {"id": "step", "dtype": "int32", "shape": []}]},
        "/document/inputs/4",
        "type_mismatch",
        "int64[] is needed",
    ),
    (
        with_slot({"id": "m", "dtype": "int64", "shape": ["length"]}),
        "/document/inputs/4",
        "type_mismatch",
        'a floating-point slot of the shape of "parameter", float64[length], is needed',
    ),
    (
        with_slot({"id": "m", "dtype": "float64", "shape": ["other"]}),
        "/document/inputs/4",
        "type_mismatch",
        "a floating-point slot of the shape",
    ),
    (
        {"inputs": [*INPUTS[:3], {**INPUTS[3], "role": {"kind": "cotangent", "of": "loss"}}]},
        "/document/inputs/3/role",
        "invalid_update",
        'has the role "cotangent"',
    ),
    (
        {"outputs": [OUTPUTS[0], {**OUTPUTS[1], "role": {"kind": "metric"}}]},
        "/document/outputs/1/role",
        "invalid_update",
        'has the role "metric"',
    ),
    (
        {"parameters": [{"id": "p", "dtype": "float64", "shape": []}]},
        "/document/parameters/0",
        "invalid_update",
        "make \"p\" an input",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer", "code", "message"), WRONG, ids=str)
@pytest.mark.parametrize("prefix", ["", "/groups/0/optimizer"])
def test_a_wrong_document_is_refused_at_its_place(
    changes: dict[str, Any], pointer: str, code: str, message: str, prefix: str
) -> None:
    source = form(**changes)
    if prefix:
        source = {"kind": "sgd", "groups": [{"parameters": "*", "optimizer": source}]}
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer(source)
    problem = caught.value.problems[0]
    assert (problem.pointer, problem.code) == (f"/optimizer{prefix}{pointer}", code)
    assert message in problem.message


@pytest.mark.parametrize("shape", [[], [3], [{"mul": ["n", 2]}], ["n", "m"]], ids=str)
def test_the_parameter_is_a_vector_of_a_symbolic_length(shape: list[Any]) -> None:
    inputs = [{"id": name, "dtype": "float64", "shape": shape} for name in ("parameter", "gradient")]
    document = {"asg": 1, "inputs": inputs, "outputs": [{"name": "parameter", "value": "gradient"}]}
    with pytest.raises(OptimizerError, match="a floating-point vector of a symbolic length"):
        parse_optimizer({"kind": "document", "document": document})


def test_the_learning_rate_is_given_where_it_is_used() -> None:
    with pytest.raises(OptimizerError, match=r"/optimizer/learning_rate: .* a learning rate is needed"):
        parse_optimizer({"kind": "document", "document": momentum_document()})
    plain = momentum_document(inputs=INPUTS[:3])
    plain["nodes"] = [node for node in plain["nodes"] if node["id"] != "rate"]
    plain["nodes"][-2]["inputs"] = ["next", "kept"]
    assert parse_optimizer({"kind": "document", "document": plain}).rule.rate is None
    with pytest.raises(OptimizerError, match='/optimizer/learning_rate: the document has no input "learning_rate"'):
        parse_optimizer({"kind": "document", "document": plain, "learning_rate": 0.1})
    for field, value in (("learning_rate", 0.1), ("weight_decay", 0.1)):
        with pytest.raises(OptimizerError, match=rf"/optimizer/groups/0/{field}: the kind .document. has no {field}"):
            parse_optimizer({"kind": "document", "document": plain, "groups": [{"parameters": "*", field: value}]})


def test_a_rule_that_cannot_be_computed_fails_the_step_and_says_where() -> None:
    document = momentum_document()
    document["nodes"] += [
        {"id": "far", "op": "full", "dtype": "int64", "shape": [], "value": 100},
        {"id": "one", "op": "take", "inputs": ["parameter", "far"], "axis": 0},
        {"id": "shifted", "op": "add", "inputs": ["moved", "one"]},
    ]
    document["outputs"][0]["value"] = "shifted"
    session = Session({"train": quadratic()}, {"kind": "document", "document": document, "learning_rate": 0.1})
    before = session.digest()
    for fail in (lambda: session.step(pulls(1)), lambda: session.step_micro_batches([pulls(1), pulls(2)])):
        with pytest.raises(RunError, match=r'node "one" \(take\): index 100 .*one of the optimizer\'s document'):
            fail()
        assert session.digest() == before
    assert session.number == 0


def test_parameters_of_another_dtype_are_named() -> None:
    with pytest.raises(OptimizerError, match=r'the parameter "weight" is float64.*: the document updates float32'):
        Session({"train": quadratic()}, form(dtype="float32"))
