"""`Session` in process: steps that train, runs that change nothing, and declarations that do not fit."""

from typing import Any

import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import Session
from asg_executor.errors import InterfaceError, MemoryLimitError, UnknownEngineError
from asg_executor.optimizers.errors import OptimizerError
from asg_executor.sessions.errors import SessionError
from asg_executor.sessions.random_keys import step_key
from asg_schema.document import Document
from executor_harness.regression import (
    descend,
    regression,
    regression_data,
    regression_gradient,
    regression_json,
)

pytestmark = pytest.mark.usefixtures("each_engine")

SGD = {"kind": "sgd", "learning_rate": 0.1}


def new_session(**settings: Any) -> Session:
    settings.setdefault("optimizer", SGD)
    return Session({"predict": regression(), "train": regression_gradient()}, **settings)


def test_training_is_gradient_descent() -> None:
    session, data = new_session(seed=4), regression_data()
    start = session.parameters()
    losses = [float(session.step(data)["loss"]) for _ in range(100)]
    weight, bias = descend(start["weight"], start["bias"], data, 0.1, 100)
    np.testing.assert_allclose(session.parameters()["weight"], weight, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(session.parameters()["bias"], bias, rtol=2e-6, atol=2e-6)
    assert session.number == 100
    assert losses[-1] < losses[0] / 10


def test_a_step_answers_what_was_before_the_update() -> None:
    session, data = new_session(), regression_data()
    before = session.run("predict", data)
    answer = session.step(data)
    assert sorted(answer) == ["loss", "prediction"]
    np.testing.assert_array_equal(answer["prediction"], before["prediction"])
    assert session.run("predict", data)["loss"] < before["loss"]


def test_gradients_are_answered_when_asked_for_and_are_copies() -> None:
    session, data = new_session(), regression_data()
    start = session.parameters()
    answer = session.step(data, ["grad.weight", "grad.bias"])
    kept = {name: array.copy() for name, array in answer.items()}
    session.step(regression_data(seed=1))
    for name in start:
        np.testing.assert_array_equal(answer[f"grad.{name}"], kept[f"grad.{name}"])
    weight, bias = descend(start["weight"], start["bias"], data, 1.0, 1)
    np.testing.assert_allclose(answer["grad.weight"], start["weight"] - weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(answer["grad.bias"], start["bias"] - bias, rtol=1e-5, atol=1e-6)


def test_batches_of_any_size() -> None:
    session = new_session()
    for size in (1, 7, 3, 7, 1):
        assert session.step(regression_data(size))["prediction"].shape == (size, 1)


def test_runs_change_nothing() -> None:
    session, data = new_session(), regression_data()
    session.step(data)
    before = session.digest()
    session.run("train", data, ["loss", "grad.weight"])
    session.run("predict", data)
    assert session.digest() == before
    # and a run of `train` between two steps does not disturb the second
    other = new_session()
    other.step(data)
    session.step(data)
    other.step(data)
    assert session.digest() == other.digest()


def test_a_graph_predicts_without_the_inputs_that_only_its_loss_needs() -> None:
    session, data = new_session(), regression_data()
    answer = session.run("predict", {"x": data["x"]})
    assert list(answer) == ["prediction"]
    np.testing.assert_array_equal(answer["prediction"], session.run("predict", data)["prediction"])
    with pytest.raises(InterfaceError, match='input "target" is missing; output "loss" needs it'):
        session.run("predict", {"x": data["x"]}, ["loss"])
    with pytest.raises(InterfaceError, match='input "x" is missing; output "prediction" needs it'):
        session.run("predict", {"target": data["target"]})


def test_a_step_needs_every_input() -> None:
    session, data = new_session(), regression_data()
    with pytest.raises(InterfaceError, match='input "target" is missing'):
        session.step({"x": data["x"]})


def test_parameters_are_copies_and_can_be_replaced() -> None:
    session = new_session()
    weights = session.parameters()
    weights["weight"][...] = 7.0
    assert not (session.parameters()["weight"] == 7.0).any()
    session.set_parameters({"weight": weights["weight"]})
    assert (session.parameters()["weight"] == 7.0).all()
    np.testing.assert_array_equal(session.parameters()["bias"], weights["bias"])


def test_replaced_parameters_are_those_that_run_and_train() -> None:
    session, data = new_session(), regression_data()
    session.step(data)
    session.run("predict", data)
    start = {"weight": np.ones((3, 1), np.float32), "bias": np.full(1, 2, np.float32)}
    session.set_parameters(start)
    np.testing.assert_allclose(session.run("predict", data)["prediction"], data["x"] @ start["weight"] + 2, rtol=1e-5)
    session.step(data)
    weight, _ = descend(start["weight"], start["bias"], data, 0.1, 1)
    np.testing.assert_allclose(session.parameters()["weight"], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wieght": np.zeros((3, 1), np.float32)}, 'no parameter "wieght"; did you mean "weight"'),
        ({"bias": np.zeros(1, np.float32), "weight": np.zeros((3, 2), np.float32)}, r'"weight" is float32\[3, 2\]'),
        ({"bias": np.zeros(1, np.float32), "weight": np.full((3, 1), 1e39)}, "overflows float32"),
    ],
)
def test_wrong_parameters_replace_nothing(values: dict[str, Any], message: str) -> None:
    session = new_session()
    before = session.digest()
    with pytest.raises(InterfaceError, match=message):
        session.set_parameters(values)
    assert session.digest() == before


def test_first_values_and_initial_values() -> None:
    session = new_session(seed=9, parameters={"bias": [0.5]})
    np.testing.assert_array_equal(session.parameters()["bias"], np.array([0.5], np.float32))
    np.testing.assert_array_equal(session.parameters()["weight"], new_session(seed=9).parameters()["weight"])
    assert session.parameters()["weight"].tolist() != new_session(seed=10).parameters()["weight"].tolist()


def test_the_digest_tells_every_change_of_the_state() -> None:
    momentum = {"kind": "sgd", "learning_rate": 0.0, "momentum": 0.9}
    session = new_session(optimizer=momentum)
    seen = {session.digest()}
    session.step(regression_data())  # a rate of 0: only the slots and the number change
    seen.add(session.digest())
    session.set_parameters({"bias": np.ones(1, np.float32)})
    seen.add(session.digest())
    assert len(seen) == 3
    assert session.digest() in seen
    assert new_session(optimizer=momentum).digest() in seen


def graph(**changes: Any) -> Document:
    return Document.from_dict({**regression_json(), **changes})


def problems_of(error: pytest.ExceptionInfo[SessionError]) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in error.value.problems]


def test_graphs_share_parameters_and_must_agree_on_them() -> None:
    source = regression_json()
    source["parameters"][0]["init"] = {"kind": "ones"}
    with pytest.raises(SessionError, match='declare the parameter "weight" differently: init') as error:
        Session({"predict": Document.from_dict(source), "train": regression_gradient()}, optimizer=SGD)
    assert problems_of(error) == [("/graphs/train", "parameter_mismatch")]


@pytest.mark.parametrize(
    ("graphs", "optimizer", "expected"),
    [
        ({}, None, ("/graphs", "missing_field")),
        ({"train": regression_gradient()}, None, ("/optimizer", "missing_field")),
        ({"train": regression()}, SGD, ("/optimizer", "nothing_to_train")),
        ({"predict": regression()}, SGD, ("/optimizer", "nothing_to_train")),
    ],
)
def test_sessions_that_cannot_be(graphs: Any, optimizer: Any, expected: tuple[str, str]) -> None:
    with pytest.raises(SessionError) as error:
        Session(graphs, optimizer=optimizer)
    assert problems_of(error) == [expected]


def test_an_optimizer_that_cannot_be() -> None:
    with pytest.raises(OptimizerError) as error:
        Session({"train": regression_gradient()}, optimizer={"kind": "sgd", "lr": 1})
    assert [(problem.pointer, problem.code) for problem in error.value.problems] == [("/optimizer/lr", "unknown_field")]


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range(seed: int) -> None:
    with pytest.raises(SessionError, match=f"not {seed}"):
        new_session(seed=seed)


def test_unknown_names() -> None:
    session, data = new_session(), regression_data()
    with pytest.raises(InterfaceError, match='no graph "predcit" in this session; it has "predict", "train"'):
        session.run("predcit", data)
    with pytest.raises(InterfaceError, match='no output "los"; did you mean "loss"'):
        session.step(data, ["los"])
    with pytest.raises(InterfaceError, match='no input "tarjet"; did you mean "target"'):
        session.run("predict", {"x": data["x"], "tarjet": data["target"]})
    with pytest.raises(InterfaceError, match='no input "y"'):
        session.step({**data, "y": 1})
    with pytest.raises(UnknownEngineError, match='no engine "nunpy"; did you mean "numpy"'):
        new_session(engine="nunpy")
    with pytest.raises(InterfaceError, match='no graph "train"'):
        Session({"predict": regression()}).step(data)


def test_two_gradients_for_one_parameter_are_refused() -> None:
    twice = grad(regression_gradient(), of="loss")
    with pytest.raises(SessionError, match=r'"grad\.weight" and "grad2\.weight" are both gradients') as error:
        Session({"train": twice}, optimizer=SGD)
    assert problems_of(error) == [("/graphs/train", "conflicting_update")] * 2


def test_a_trainable_parameter_without_a_gradient_stays_as_it_is() -> None:
    session = Session({"train": grad(regression(), wrt=["bias"])}, optimizer={"kind": "adamw"})
    before = session.parameters()
    session.step(regression_data())
    assert session.trained == {"bias"}
    np.testing.assert_array_equal(session.parameters()["weight"], before["weight"])
    assert session.parameters()["bias"].tolist() != before["bias"].tolist()


def test_a_frozen_parameter_stays_as_it_is_even_with_a_gradient() -> None:
    source = regression_json()
    source["parameters"][0]["trainable"] = False
    train = grad(Document.from_dict(source), wrt=["weight", "bias"])
    session = Session({"train": train}, optimizer={"kind": "sgd", "learning_rate": 0.1, "weight_decay": 0.5})
    before = session.parameters()
    answer = session.step(regression_data(), ["grad.weight"])
    assert np.abs(answer["grad.weight"]).max() > 0
    np.testing.assert_array_equal(session.parameters()["weight"], before["weight"])


def running_mean() -> Document:
    """A batch mean that a step folds into a running mean; no gradient."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float64", "shape": ["n"]}],
            "parameters": [{"id": "m", "dtype": "float64", "shape": [], "trainable": False}],
            "nodes": [
                {"id": "mean", "op": "mean", "inputs": ["x"]},
                {"id": "sum", "op": "add", "inputs": ["m", "mean"]},
                {"id": "half", "op": "full", "dtype": "float64", "shape": [], "value": 0.5},
                {"id": "next", "op": "multiply", "inputs": ["sum", "half"]},
            ],
            "outputs": [
                {"name": "mean", "value": "mean"},
                {"name": "m.next", "value": "next", "role": {"kind": "state_update", "of": "m"}},
            ],
        }
    )


def test_state_updates_are_committed_by_steps_alone() -> None:
    session = Session({"train": running_mean()})
    session.run("train", {"x": [4.0]})
    assert session.parameters()["m"] == 0.0
    assert list(session.step({"x": [2.0, 4.0]})) == ["mean"]
    assert session.parameters()["m"] == 1.5
    assert session.step({"x": [1.0]}, ["m.next"])["m.next"] == 1.25
    assert session.parameters()["m"] == 1.25


def noise() -> Document:
    keys = [{"id": name, "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}} for name in ("key", "other")]
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": keys,
            "parameters": [{"id": "w", "dtype": "float32", "shape": [], "trainable": False}],
            "nodes": [
                {"id": "bits", "op": "rng_bits", "inputs": ["key"], "shape": [3]},
                {"id": "other_bits", "op": "rng_bits", "inputs": ["other"], "shape": [3]},
                {"id": "same", "op": "add", "inputs": ["w", "w"]},
            ],
            "outputs": [
                {"name": "bits", "value": "bits"},
                {"name": "other", "value": "other_bits"},
                {"name": "w.next", "value": "same", "role": {"kind": "state_update", "of": "w"}},
            ],
        }
    )


def test_random_keys_follow_seed_and_step_and_differ_between_inputs() -> None:
    session = Session({"train": noise()}, seed=6)
    steps = [session.step({}) for _ in range(3)]
    drawn = [tuple(step[name].tolist()) for step in steps for name in ("bits", "other")]
    assert len(set(drawn)) == 6
    again = Session({"train": noise()}, seed=6)
    np.testing.assert_array_equal(again.step({})["bits"], steps[0]["bits"])
    given = session.run("train", {"key": step_key(6, 2), "other": step_key(6, 2, 1)})
    np.testing.assert_array_equal(given["bits"], steps[1]["bits"])
    np.testing.assert_array_equal(given["other"], steps[1]["other"])
    np.testing.assert_array_equal(
        session.run("train", {})["bits"], session.run("train", {"key": step_key(6, 0)})["bits"]
    )


def test_parameters_of_several_dtypes_are_trained_together() -> None:
    def layer(dtype: str) -> list[dict[str, Any]]:
        return [
            {"id": f"{dtype}.error", "op": "subtract", "inputs": [f"{dtype}.w", f"{dtype}.x"]},
            {"id": f"{dtype}.square", "op": "multiply", "inputs": [f"{dtype}.error"] * 2},
            {"id": f"{dtype}.sum", "op": "sum", "inputs": [f"{dtype}.square"]},
            {"id": f"{dtype}.loss", "op": "astype", "inputs": [f"{dtype}.sum"], "dtype": "float64"},
        ]

    dtypes = ("float64", "float32", "bfloat16")
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": f"{dtype}.x", "dtype": dtype, "shape": [2]} for dtype in dtypes],
            "parameters": [{"id": f"{dtype}.w", "dtype": dtype, "shape": [2]} for dtype in dtypes],
            "nodes": [
                *(node for dtype in dtypes for node in layer(dtype)),
                {"id": "two", "op": "add", "inputs": ["float64.loss", "float32.loss"]},
                {"id": "loss", "op": "add", "inputs": ["two", "bfloat16.loss"]},
            ],
            "outputs": [{"name": "loss", "value": "loss"}],
        }
    )
    session = Session({"train": grad(document)}, optimizer={"kind": "sgd", "learning_rate": 0.25})
    for _ in range(30):
        session.step({f"{dtype}.x": [1.0, -2.0] for dtype in dtypes})
    for name, value in session.parameters().items():
        np.testing.assert_allclose(value.astype(np.float64), [1.0, -2.0], rtol=1e-2, err_msg=name)


def test_memory_limits_are_kept_before_memory_is_taken() -> None:
    source = regression_json()
    source["parameters"][0]["shape"] = [3, 2**40]
    source["inputs"][1]["shape"] = ["batch", 2**40]
    source["parameters"][1]["shape"] = [2**40]
    with pytest.raises(MemoryLimitError, match="at most 1000000 are allowed"):
        Session({"predict": Document.from_dict(source)}, memory_limit=10**6)
    session = new_session(memory_limit=10**6)
    session.run("predict", regression_data(64))
    with pytest.raises(MemoryLimitError):
        session.run("predict", regression_data(10**5), ["loss"])
