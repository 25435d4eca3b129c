"""Parameter groups: which parameters they take, what is different for them, and what a wrong one is told."""

from typing import Any

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.errors import MemoryLimitError
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.errors import OptimizerError
from asg_executor.sessions.errors import SessionError
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType
from executor_harness.quadratic import START, pulls, quadratic

pytestmark = pytest.mark.usefixtures("each_engine")

NAMES = ["encoder.0.weight", "encoder.0.bias", "decoder.weight", "decoder.bias", "scale"]
TYPES = {name: TensorType(DType.FLOAT32, (2, 3) if name.endswith("weight") else (3,)) for name in NAMES}


def assigned(*groups: dict[str, Any]) -> list[tuple[str, ...]]:
    assignments, problems = parse_optimizer({"kind": "adam", "groups": list(groups)}).assign(TYPES)
    assert problems == []
    return [assignment.names for assignment in assignments]


def refused(form: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(OptimizerError) as caught:
        Session({"train": quadratic()}, form)
    return [(problem.pointer, problem.code, problem.message) for problem in caught.value.problems]


def test_the_first_group_that_matches_takes_a_parameter() -> None:
    groups = [{"parameters": "*.bias"}, {"parameters": ["encoder.*", "sca?e"]}, {"parameters": "*"}]
    assert assigned(*groups) == [
        ("encoder.0.bias", "decoder.bias"),
        ("encoder.0.weight", "scale"),
        ("decoder.weight",),
    ]
    assert assigned({"parameters": "encoder.[0-9].bias"})[0] == ("encoder.0.bias",)
    assert assigned({"parameters": "*.BIAS"} | {"parameters": "*.bias"})[1][0] == "encoder.0.weight"


def test_a_group_without_parameters_of_its_own_is_left_out() -> None:
    assert assigned({"parameters": "*"}, {"parameters": "scale"}) == [tuple(NAMES)]


def test_frozen_parameters_keep_their_values_and_have_no_slots() -> None:
    form = {"kind": "adam", "groups": [{"parameters": "bias", "frozen": True}]}
    session = Session({"train": quadratic()}, form, parameters=START)
    assert session.trained == {"weight"}
    session.step(pulls(1))
    found = session.parameters()
    np.testing.assert_array_equal(found["bias"], START["bias"])
    assert (found["weight"] != START["weight"]).all()
    # 15 parameters and their backup; of 12 the gradient, two moments, and the backup of these; 8 bytes each.
    needed = (2 * 15 + 12 + 4 * 12) * 8
    Session({"train": quadratic()}, form, memory_limit=needed)
    with pytest.raises(MemoryLimitError, match=f"take {needed} bytes"):
        Session({"train": quadratic()}, form, memory_limit=needed - 1)


def test_a_frozen_parameters_gradient_can_still_be_asked_for() -> None:
    form = {"kind": "sgd", "groups": [{"parameters": "bias", "frozen": True}]}
    session = Session({"train": quadratic()}, form, parameters=START)
    outputs = session.step(pulls(1), ["grad.bias", "grad.weight"])
    assert outputs["grad.bias"].shape == (3,)
    assert np.abs(outputs["grad.bias"]).max() > 0.1


def test_a_group_gives_another_rate_and_decay() -> None:
    groups = [{"parameters": "bias", "learning_rate": 0.5, "weight_decay": 0.0}]
    form = {"kind": "sgd", "learning_rate": 0.1, "weight_decay": 1.0, "groups": groups}
    session = Session({"train": quadratic()}, form, parameters=START)
    gradients = session.step(pulls(1), ["grad.weight", "grad.bias"])
    found = session.parameters()
    np.testing.assert_allclose(found["bias"], START["bias"] - 0.5 * gradients["grad.bias"], rtol=1e-13)
    expected = START["weight"] - 0.1 * (gradients["grad.weight"] + START["weight"])
    np.testing.assert_allclose(found["weight"], expected, rtol=1e-13)


def test_several_dtypes_in_several_groups() -> None:
    """Every parameter follows SGD with its group's rate, wherever it lies in memory."""
    dtypes = {"a": "float32", "b": "float64", "c": "float32", "d": "float64", "e": "bfloat16"}
    nodes: list[dict[str, Any]] = [
        {"id": f"g.{name}", "op": "full", "dtype": dtype, "shape": [2], "value": 1.0} for name, dtype in dtypes.items()
    ]
    outputs = [
        {"name": f"grad.{name}", "value": f"g.{name}", "role": {"kind": "gradient", "of": "loss", "wrt": name}}
        for name in dtypes
    ]
    nodes.append({"id": "loss", "op": "full", "dtype": "float32", "shape": [], "value": 0.0})
    parameters = [{"id": name, "dtype": dtype, "shape": [2]} for name, dtype in dtypes.items()]
    document = Document.from_dict(
        {"asg": 1, "parameters": parameters, "nodes": nodes, "outputs": [{"name": "loss", "value": "loss"}, *outputs]}
    )
    groups = [{"parameters": ["c", "d"], "learning_rate": 2.0}, {"parameters": "b", "learning_rate": 4.0}]
    form = {"kind": "sgd", "learning_rate": 1.0, "momentum": 0.5, "groups": groups}
    session = Session({"train": document}, form)
    session.step({})
    session.step({})
    # The momentum makes the second step half as long again.
    found = {name: value.astype(float).tolist() for name, value in session.parameters().items()}
    assert found == {name: [-2.5 * rate] * 2 for name, rate in {"a": 1, "b": 4, "c": 2, "d": 2, "e": 1}.items()}


@pytest.mark.parametrize(
    ("group", "pointer", "code", "message"),
    [
        ({"parameters": "wieght"}, "/groups/0/parameters", "no_match", 'did you mean "weight"?'),
        ({"parameters": ["bias", "head.*"]}, "/groups/0/parameters/1", "no_match", 'there are "weight", "bias"'),
        ({"parameters": []}, "/groups/0/parameters", "invalid_value", "at least 1"),
        ({}, "/groups/0/parameters", "missing_field", "parameters"),
        ({"parameters": "*", "lr": 1}, "/groups/0/lr", "unknown_field", "lr"),
        ({"parameters": "*", "learning_rate": -1}, "/groups/0/learning_rate", "invalid_value", "at least 0"),
        ({"parameters": "*", "frozen": 1}, "/groups/0/frozen", "invalid_value", "true or false"),
        ({"parameters": "*", "frozen": True, "weight_decay": 0}, "/groups/0/frozen", "invalid_value", "not trained"),
        ({"parameters": "*", "optimizer": {"kind": "sdg"}}, "/groups/0/optimizer/kind", "unknown_kind", '"sgd"?'),
        (
            {"parameters": "*", "optimizer": {"kind": "adam", "betas": [2, 0]}},
            "/groups/0/optimizer/betas/0",
            "invalid_value",
            "less than 1",
        ),
        (
            {"parameters": "*", "optimizer": {"kind": "adam", "clip_value": 1}},
            "/groups/0/optimizer/clip_value",
            "unknown_field",
            "clip_value",
        ),
        (
            {"parameters": "*", "learning_rate": 1, "optimizer": {"kind": "sgd"}},
            "/groups/0/learning_rate",
            "invalid_value",
            "an optimizer of its own",
        ),
        (
            {"parameters": "bias", "optimizer": {"kind": "muon"}},
            "/groups/0",
            "unsupported_parameter",
            'the parameter "bias" is float64[3]: muon is for matrices',
        ),
    ],
    ids=str,
)
def test_a_wrong_group_is_refused_at_its_place(group: dict[str, Any], pointer: str, code: str, message: str) -> None:
    ((found, kind, text),) = refused({"kind": "sgd", "groups": [group]})
    assert (found, kind) == (f"/optimizer{pointer}", code)
    assert message in text


def test_settings_have_a_limit_before_they_are_read() -> None:
    many = [{"parameters": str(number)} for number in range(10_001)]
    for form in (
        {"kind": "sgd", "groups": many},
        {"kind": "sgd", "groups": [{"parameters": [str(number) for number in range(10_001)]}]},
        {"kind": "sgd", "groups": [{str(number): 0 for number in range(10_001)}]},
        {"kind": "sgd", "learning_rate": {"kind": "multi_step", "milestones": [0] * 10_001}},
    ):
        assert [(pointer, code) for pointer, code, _ in refused(form)] == [("/optimizer", "too_long")]


def test_patterns_and_names_have_a_limit_together() -> None:
    optimizer = parse_optimizer({"kind": "sgd", "groups": [{"parameters": ["a*", "b*"] * 1000}]})
    names = {f"a{number}": TYPES["scale"] for number in range(5001)}
    assert [problem.code for problem in optimizer.assign(names)[1]] == ["too_long"]


def test_muon_alone_names_what_is_no_matrix() -> None:
    ((pointer, code, message),) = refused({"kind": "muon"})
    assert (pointer, code) == ("/optimizer", "unsupported_parameter")
    assert 'the parameter "bias" is float64[3]' in message


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"kind": "sgd", "weight_decay": 1e39}, "weight_decay is 1e+39; a number that does not overflow float32 is"),
        ({"kind": "adam", "learning_rate": 1e39}, "learning_rate is 1e+39"),
        ({"kind": "adagrad", "initial_accumulator_value": 1e300}, "initial_accumulator_value is 1e+300"),
        ({"kind": "adafactor", "eps": [None, 1e39]}, "eps is 1e+39"),
        ({"kind": "muon", "ns_coefficients": [1.0, -1e39, 1.0]}, "ns_coefficients is -1e+39"),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.BFLOAT16])
def test_settings_that_the_dtype_of_the_update_cannot_hold_are_refused(
    form: dict[str, Any], message: str, dtype: DType
) -> None:
    optimizer = parse_optimizer(form)
    (problem,) = optimizer.assign({"p": TensorType(dtype, (2, 3))})[1]
    assert (problem.pointer, problem.code) == ("/optimizer", "unsupported_parameter")
    assert message in problem.message
    assert optimizer.assign({"p": TensorType(DType.FLOAT64, (2, 3))})[1] == []


def test_freezing_everything_leaves_nothing_to_train() -> None:
    with pytest.raises(SessionError, match="the groups freeze every parameter"):
        Session({"train": quadratic()}, {"kind": "sgd", "groups": [{"parameters": "*", "frozen": True}]})


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"clip_value": 0}, "/clip_value"),
        ({"clip_value": "1"}, "/clip_value"),
        ({"clip_global_norm": -1.0}, "/clip_global_norm"),
        ({"average_decay": 1.0}, "/average_decay"),
        ({"accumulation": "max"}, "/accumulation"),
        ({"groups": {}}, "/groups"),
    ],
    ids=str,
)
def test_common_settings_are_checked(settings: dict[str, Any], pointer: str) -> None:
    ((found, code, _),) = refused({"kind": "adam", **settings})
    assert (found, code) == (f"/optimizer{pointer}", "invalid_value")
