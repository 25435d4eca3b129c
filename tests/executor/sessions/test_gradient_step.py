"""What surrounds the update rule in a step: clipping, micro-batches, and the average of the weights."""

from typing import Any

import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import Session
from asg_executor.errors import IndexOutOfRangeError, InterfaceError, MemoryLimitError
from asg_executor.sessions.random_keys import step_key
from asg_schema.document import Document
from executor_harness.optimizer_definitions import FORMS, MATRIX_FORMS
from executor_harness.quadratic import START, pulls, quadratic
from executor_harness.regression import regression, regression_data, regression_gradient

pytestmark = pytest.mark.usefixtures("each_engine")

SGD = {"kind": "sgd", "learning_rate": 0.1}


def parts_of(data: dict[str, Any], count: int) -> list[dict[str, Any]]:
    pieces = {name: np.split(array, count) for name, array in data.items()}
    return [{name: arrays[part] for name, arrays in pieces.items()} for part in range(count)]


def float64_regression() -> Document:
    return grad(Document.from_json(regression().to_json().replace("float32", "float64")))


def float64_data(size: int) -> dict[str, Any]:
    return {name: array.astype(np.float64) for name, array in regression_data(size).items()}


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_mean_of_equal_micro_batches_is_the_whole_batch(count: int) -> None:
    optimizer = {"kind": "adam", "learning_rate": 0.1, "accumulation": "mean", "clip_global_norm": 1.0}
    whole = Session({"train": float64_regression()}, optimizer)
    parts = Session({"train": float64_regression()}, optimizer)
    data = float64_data(12)
    for _ in range(5):
        expected = whole.step(data)
        outputs = parts.step_micro_batches(parts_of(data, count))
        assert [output["prediction"].shape for output in outputs] == [(12 // count, 1)] * count
        np.testing.assert_allclose(np.mean([output["loss"] for output in outputs]), expected["loss"], rtol=1e-13)
        predictions = np.concatenate([output["prediction"] for output in outputs])
        np.testing.assert_allclose(predictions, expected["prediction"], rtol=1e-12)
    assert parts.number == 5
    for name, value in whole.parameters().items():
        np.testing.assert_allclose(parts.parameters()[name], value, rtol=1e-12)


def test_micro_batches_of_several_sizes_add_up() -> None:
    session = Session({"train": float64_regression()}, SGD)
    before = session.parameters()
    data = float64_data(7)
    small, large = ({name: array[part] for name, array in data.items()} for part in (slice(2), slice(2, 7)))
    gradients = [session.run("train", part, ["grad.weight"])["grad.weight"] for part in (small, large)]
    outputs = session.step_micro_batches([small, large], ["grad.weight"])
    for found, gradient in zip(outputs, gradients, strict=True):
        np.testing.assert_array_equal(found["grad.weight"], gradient)
    expected = before["weight"] - 0.1 * (gradients[0] + gradients[1])
    np.testing.assert_allclose(session.parameters()["weight"], expected, rtol=1e-14)


def test_one_micro_batch_is_a_plain_step() -> None:
    plain, parted = (Session({"train": regression_gradient()}, SGD) for _ in range(2))
    plain.step(regression_data())
    parted.step_micro_batches([regression_data()])
    assert plain.digest() == parted.digest()


def random_walk(dtype: str = "float32") -> Document:
    """A counter that each run raises by 1, a moving mean of the input, and noise."""
    forward = Document.from_dict(
        {
            "asg": 1,
            "inputs": [
                {"id": "x", "dtype": dtype, "shape": []},
                {"id": "first", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}},
                {"id": "second", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}},
            ],
            "parameters": [
                {"id": "p", "dtype": dtype, "shape": []},
                {"id": "mean", "dtype": dtype, "shape": [], "trainable": False},
            ],
            "nodes": [
                {"id": "half", "op": "full", "dtype": dtype, "shape": [], "value": 0.5},
                {"id": "both", "op": "add", "inputs": ["mean", "x"]},
                {"id": "next", "op": "multiply", "inputs": ["both", "half"]},
                {"id": "loss", "op": "multiply", "inputs": ["p", "mean"]},
                {"id": "keys", "op": "concat", "inputs": ["first", "second"], "axis": 0},
            ],
            "outputs": [
                {"name": "loss", "value": "loss"},
                {"name": "keys", "value": "keys"},
                {"name": "mean.next", "value": "next", "role": {"kind": "state_update", "of": "mean"}},
            ],
        }
    )
    return grad(forward)


def test_state_updates_go_from_one_micro_batch_to_the_next() -> None:
    session = Session({"train": random_walk()}, {"kind": "sgd", "learning_rate": 1.0})
    session.step_micro_batches([{"x": 8.0}, {"x": 4.0}, {"x": 2.0}])
    found = session.parameters()
    # The mean is 0, 4 and 4 in the three runs, and (4 + 2) / 2 after them; it is the gradient of p.
    assert found["mean"] == 3.0
    assert found["p"] == -8.0


def test_random_keys_of_micro_batches_differ_and_the_first_is_a_plain_steps() -> None:
    session = Session({"train": random_walk()}, SGD, seed=7)
    outputs = session.step_micro_batches([{"x": 0.0}] * 3)
    found = np.concatenate([output["keys"] for output in outputs]).reshape(6, 2)
    np.testing.assert_array_equal(found, [step_key(7, 1, index) for index in range(6)])
    assert len({tuple(key) for key in found.tolist()}) == 6
    plain = Session({"train": random_walk()}, SGD, seed=7)
    np.testing.assert_array_equal(plain.step({"x": 0.0})["keys"], outputs[0]["keys"])


def test_micro_batches_that_do_not_fit_change_nothing() -> None:
    session = Session({"train": regression_gradient()}, SGD)
    before = session.digest()
    data = regression_data()
    with pytest.raises(InterfaceError, match="at least one is needed"):
        session.step_micro_batches([])
    with pytest.raises(InterfaceError, match='micro-batch 1: input "target" is missing'):
        session.step_micro_batches([data, {"x": data["x"]}])
    assert session.digest() == before


def test_sums_of_gradients_are_within_the_memory_limit() -> None:
    needed = (2 * 15 + 15 + 15) * 8
    session = Session({"train": quadratic()}, {"kind": "sgd"}, parameters=START, memory_limit=100_000)
    session.step_micro_batches([pulls(1), pulls(2)])
    tight = Session({"train": quadratic()}, {"kind": "sgd"}, parameters=START, memory_limit=needed)
    before = tight.digest()
    with pytest.raises(MemoryLimitError):
        tight.step_micro_batches([pulls(1), pulls(2)])
    assert tight.digest() == before


def two_dtypes(*, large: float) -> Document:
    """Gradients 3 of a float32 parameter and 4 of a float64 one, times an input; and `large` of a float16 one."""
    nodes: list[dict[str, Any]] = []
    parameters: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = [{"name": "loss", "value": "loss"}]
    for name, dtype, value in (("a", "float32", 3.0), ("b", "float64", 4.0), ("c", "float16", large)):
        parameters.append({"id": name, "dtype": dtype, "shape": [1]})
        nodes.append({"id": f"g.{name}", "op": "full", "dtype": dtype, "shape": [1], "value": value})
        role = {"kind": "gradient", "of": "loss", "wrt": name}
        outputs.append({"name": f"grad.{name}", "value": f"g.{name}", "role": role})
    nodes.append({"id": "loss", "op": "full", "dtype": "float32", "shape": [], "value": 0.0})
    return Document.from_dict({"asg": 1, "parameters": parameters, "nodes": nodes, "outputs": outputs})


def test_the_global_norm_is_that_of_all_dtypes_and_groups() -> None:
    groups = [{"parameters": "b", "learning_rate": 2.0}]
    optimizer = {"kind": "sgd", "learning_rate": 1.0, "clip_global_norm": 1.0, "groups": groups}
    session = Session({"train": two_dtypes(large=0.0)}, optimizer)
    outputs = session.step({}, ["grad.a"])
    scale = 1.0 / (5.0 + 1e-6)
    assert outputs["grad.a"] == 3.0  # an output is the gradient before it is clipped
    found = session.parameters()
    np.testing.assert_allclose(found["a"], -3 * scale, rtol=1e-6)
    np.testing.assert_allclose(found["b"], -2 * 4 * scale, rtol=1e-15)


def test_squares_of_float16_gradients_do_not_overflow() -> None:
    session = Session(
        {"train": two_dtypes(large=60000.0)}, {"kind": "sgd", "learning_rate": 1.0, "clip_global_norm": 1.0}
    )
    session.step({})
    np.testing.assert_allclose(session.parameters()["c"].astype(float), -1.0, rtol=1e-3)


def test_clipping_by_value_comes_before_clipping_by_norm() -> None:
    optimizer = {"kind": "sgd", "learning_rate": 1.0, "clip_value": 3.5, "clip_global_norm": 1.0}
    session = Session({"train": two_dtypes(large=0.0)}, optimizer)
    session.step({})
    scale = 1.0 / (np.hypot(3.0, 3.5) + 1e-6)
    np.testing.assert_allclose(session.parameters()["b"], -3.5 * scale, rtol=1e-14)


def test_a_clip_value_beyond_the_dtype_clips_nothing() -> None:
    session = Session({"train": two_dtypes(large=60000.0)}, {"kind": "sgd", "learning_rate": 1.0, "clip_value": 1e300})
    session.step({})
    assert session.parameters()["c"] == -60000.0
    assert session.parameters()["a"] == -3.0


AVERAGE = {**SGD, "average_decay": 0.75}


def test_the_average_follows_the_weights() -> None:
    session = Session({"train": quadratic()}, AVERAGE, parameters=START)
    np.testing.assert_array_equal(session.averaged_parameters()["bias"], START["bias"])
    value = average = START["bias"]
    for step in range(1, 6):
        session.step(pulls(step))
        value = session.parameters()["bias"]
        average = value if step == 1 else 0.75 * average + 0.25 * value
        np.testing.assert_allclose(session.averaged_parameters()["bias"], average, rtol=1e-14)
    assert np.abs(average - value).max() > 1e-3


def test_a_run_with_the_average() -> None:
    graphs = {"predict": regression(), "train": regression_gradient()}
    session = Session(graphs, {"kind": "sgd", "learning_rate": 0.1, "average_decay": 0.5})
    for _ in range(3):
        session.step(regression_data())
    x = regression_data()["x"]
    averages = session.averaged_parameters()
    digest = session.digest()
    for _ in range(2):  # the second one is compiled already
        found = session.run("predict", {"x": x}, ["prediction"], parameters="average")["prediction"]
        np.testing.assert_allclose(found, x @ averages["weight"] + averages["bias"], rtol=1e-5, atol=1e-6)
        current = session.run("predict", {"x": x}, ["prediction"])["prediction"]
        assert np.abs(found - current).max() > 1e-3
    assert session.digest() == digest


def test_the_average_is_part_of_the_state_and_of_what_new_weights_begin_with() -> None:
    session = Session({"train": quadratic()}, AVERAGE)
    session.set_parameters(START)  # before the first step
    assert session.digest() == Session({"train": quadratic()}, AVERAGE, parameters=START).digest()
    np.testing.assert_array_equal(session.averaged_parameters()["weight"], START["weight"])
    session.step(pulls(1))
    other = Session({"train": quadratic()}, {**SGD, "average_decay": 0.5}, parameters=START)
    other.step(pulls(1))
    assert session.digest() == other.digest()
    session.step(pulls(2))
    other.step(pulls(2))
    np.testing.assert_array_equal(session.parameters()["bias"], other.parameters()["bias"])
    assert session.digest() != other.digest()


def test_the_average_of_sixteen_bit_weights_is_kept_in_float32() -> None:
    session = Session({"train": two_dtypes(large=1.0)}, {"kind": "sgd", "learning_rate": 1.0, "average_decay": 0.999})
    for _ in range(100):
        session.step({})
    # In float16 the average, near -1, could not move by a thousandth of what is left.
    weights = -np.arange(1.0, 101.0)
    expected = weights[0]
    for value in weights[1:]:
        expected = 0.999 * expected + 0.001 * value
    found = session.averaged_parameters()["c"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(float), expected, rtol=2e-3)
    assert expected < -4


def test_without_an_average_there_is_none() -> None:
    session = Session({"train": quadratic()}, SGD, parameters=START)
    for ask in (session.averaged_parameters, lambda: session.run("train", pulls(1), parameters="average")):
        with pytest.raises(InterfaceError, match="average_decay"):
            ask()


EVERYTHING = {
    "learning_rate": {"kind": "exponential", "learning_rate": 0.05, "gamma": 0.9},
    "clip_value": 1.0,
    "clip_global_norm": 1.0,
    "average_decay": 0.9,
    "accumulation": "mean",
}


def table() -> Document:
    """A table whose rows are looked up, so that a step can fail for its data, a vector, and a counter."""
    return grad(
        Document.from_dict(
            {
                "asg": 1,
                "inputs": [{"id": "rows", "dtype": "int64", "shape": ["n"]}],
                "parameters": [
                    {"id": "table", "dtype": "float64", "shape": [4, 2], "init": {"kind": "normal"}},
                    {"id": "shift", "dtype": "float32", "shape": [2]},
                    {"id": "fixed", "dtype": "float64", "shape": [2], "init": {"kind": "ones"}},
                    {"id": "count", "dtype": "float64", "shape": [], "trainable": False},
                ],
                "nodes": [
                    {"id": "chosen", "op": "take", "inputs": ["table", "rows"], "axis": 0},
                    {"id": "wide", "op": "astype", "inputs": ["shift"], "dtype": "float64"},
                    {"id": "moved", "op": "add", "inputs": ["chosen", "wide"]},
                    {"id": "fitted", "op": "subtract", "inputs": ["moved", "fixed"]},
                    {"id": "squared", "op": "multiply", "inputs": ["fitted", "fitted"]},
                    {"id": "loss", "op": "sum", "inputs": ["squared"]},
                    {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1.0},
                    {"id": "next", "op": "add", "inputs": ["count", "one"]},
                ],
                "outputs": [
                    {"name": "loss", "value": "loss"},
                    {"name": "count.next", "value": "next", "role": {"kind": "state_update", "of": "count"}},
                ],
            }
        )
    )


@pytest.mark.parametrize("form", [*FORMS, *MATRIX_FORMS], ids=str)
def test_a_step_that_fails_halfway_changes_nothing(form: dict[str, Any]) -> None:
    """The last micro-batch has a row that is not there, after the others have changed the counter."""
    vectors = {"parameters": "shift", "optimizer": {"kind": "nadam"}}
    groups = [vectors, {"parameters": "fixed", "frozen": True}]
    session, witness = (Session({"train": table()}, {**form, **EVERYTHING, "groups": groups}) for _ in range(2))
    good = [{"rows": [0, 1]}, {"rows": [2]}]
    for part in (session, witness):
        part.step_micro_batches(good)
        part.step({"rows": [3]})
    before = session.digest()
    with pytest.raises(IndexOutOfRangeError, match="chosen"):
        session.step_micro_batches([*good, {"rows": [4]}])
    with pytest.raises(IndexOutOfRangeError):
        session.step({"rows": [-5]})
    assert session.digest() == before == witness.digest()
    assert session.number == 2
    for part in (session, witness):
        part.step_micro_batches(good)
    assert session.digest() == witness.digest() != before
    assert session.parameters()["count"] == 5.0
    np.testing.assert_array_equal(session.parameters()["fixed"], np.ones(2))
