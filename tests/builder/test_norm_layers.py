"""Normalisations, their running statistics, and spatial dropout, against formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import losses, nn
from asg_schema import AsgError
from asg_schema.roles import StateUpdateRole
from builder_harness.layers import run_layer

RNG = np.random.default_rng(5)


def test_batch_norm_in_training_and_evaluation() -> None:
    x = RNG.standard_normal((6, 3, 4, 5)) * 2 + 1
    layer = nn.BatchNorm2d(3, eps=1e-3, dtype="float64", name="norm")
    y, p = run_layer(layer, x)
    for c in range(3):
        values = x[:, c].ravel()
        center = sum(values) / len(values)
        spread = sum((values - center) ** 2) / len(values)
        expected = (x[:, c] - center) / np.sqrt(spread + 1e-3) * p["weight"][c] + p["bias"][c]
        np.testing.assert_allclose(y[:, c], expected)
    p["running_var"] = np.abs(p["running_var"])
    y, _ = run_layer(layer.eval(), x, parameters=p)
    by_channel = {name: value[:, None, None] for name, value in p.items() if value.shape == (3,)}
    normal = (x - by_channel["running_mean"]) / np.sqrt(by_channel["running_var"] + 1e-3)
    np.testing.assert_allclose(y, normal * by_channel["weight"] + by_channel["bias"])


class Network(nn.Module):
    """A linear map between two normalisations."""

    def __init__(self) -> None:
        self.first = nn.BatchNorm1d(4)
        self.map = nn.Linear(4, 2)
        self.second = nn.BatchNorm1d(2, momentum=None)

    def forward(self, x: asg.Tensor) -> asg.Tensor:
        return self.second(self.map(self.first(x)))


def test_training_and_evaluation_share_parameters_and_statistics_in_a_session() -> None:
    model = Network()
    with asg.graph("train") as train:
        y = model(asg.input("x", ("batch", 4)))
        train.output(loss=losses.mse(y, asg.input("target", ("batch", 2))))
    with asg.graph("predict") as predict:
        predict.output(y=model.eval()(asg.input("x", ("batch", 4))))
    assert {item.id for item in train.parameters} == {item.id for item in predict.parameters}
    assert not [output for output in predict.outputs if isinstance(output.role, StateUpdateRole)]
    gradient = grad(train.document(), of="loss")
    assert "grad.network.first.running_mean" not in [output.name for output in gradient.outputs]
    session = asg_executor.Session(
        {"train": gradient, "predict": predict.document()}, {"kind": "adam", "learning_rate": 0.02}
    )
    x = RNG.standard_normal((64, 4)).astype(np.float32) * 3 + 2
    target = np.stack([x[:, 0] > 2, x[:, 1] > 2], 1).astype(np.float32)
    errors = [float(session.step({"x": x, "target": target})["loss"]) for _ in range(300)]
    assert errors[-1] < 0.25 * errors[0]
    found = session.parameters()
    np.testing.assert_allclose(found["network.first.running_mean"], x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(found["network.first.running_var"], x.var(0, ddof=1), rtol=1e-4)
    assert found["network.second.num_batches_tracked"] == 300
    predicted = session.run("predict", {"x": x})["y"]
    assert np.mean((predicted - target) ** 2) < 0.5 * errors[0]
    alone = session.run("predict", {"x": x[:1]})["y"]
    np.testing.assert_allclose(alone, predicted[:1], rtol=1e-5, atol=1e-6)


def test_what_a_graph_says_of_state() -> None:
    with asg.graph() as g:
        state, weight = asg.parameter("state", (2,), trainable=False), asg.parameter("weight", (2,))
        assert g.state(state) is state
        first = state + 1.0
        g.update_state(state, first)
        g.output(y=weight)
        assert g.state(state) is first
        g.update_state(state, g.state(state) * 3.0)
        with pytest.raises(AsgError, match='state: "weight" is not a parameter of this graph with trainable=False'):
            g.state(weight)
        with pytest.raises(AsgError, match="the types must be equal"):
            g.update_state(state, asg.zeros((3,)))
    assert [output.name for output in g.outputs] == ["update.state", "y"]
    session = asg_executor.Session({"train": g.document()}, parameters={"state": np.array([1, 2], np.float32)})
    session.step({})
    np.testing.assert_array_equal(session.parameters()["state"], [6, 9])


def test_an_update_of_another_graph_is_refused() -> None:
    with asg.graph():
        other = asg.ones((2,))
    with asg.graph() as g:
        state = asg.parameter("state", (2,), trainable=False)
        g.update_state(state, state + 1.0)
        with pytest.raises(AsgError, match="belongs to another graph"):
            g.update_state(state, other)


def test_a_batch_of_one_that_is_found_only_when_it_runs_leaves_finite_statistics() -> None:
    with asg.graph() as g:
        g.output(y=nn.BatchNorm1d(2, name="n")(asg.input("x", ("batch", 2))))
    session = asg_executor.Session({"train": g.document()})
    session.step({"x": np.ones((1, 2), np.float32)})
    np.testing.assert_allclose(session.parameters()["n.running_var"], 0.9)
    np.testing.assert_allclose(session.parameters()["n.running_mean"], 0.1)


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_spatial_dropout_drops_whole_channels(kind: type[nn.Dropout]) -> None:
    axes = int(kind.__name__[-2])
    x = np.ones((200, 10, *([3] * axes)))
    layer = kind(0.25, name="drop")
    y, _ = run_layer(layer, x)
    channels = y.reshape(2000, -1)
    assert np.unique(channels).tolist() == [0.0, 1 / 0.75]
    assert np.all(channels == channels[:, :1])
    assert 0.2 < np.mean(channels[:, 0] == 0) < 0.3
    np.testing.assert_array_equal(run_layer(layer.eval(), x)[0], x)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: nn.BatchNorm1d(3), (4, 2), r"BatchNorm1d\(3\): x is .* the shape \[N, 3\] or \[N, 3, L\] is needed"),
        (lambda: nn.BatchNorm2d(3), (4, 3, 5), r"\[N, 3, H, W\] is needed"),
        (lambda: nn.InstanceNorm2d(3), (3, 3, 2, 2, 2), r"\[N, 3, H, W\] or \[3, H, W\] is needed"),
        (lambda: nn.InstanceNorm1d(3), (3, 4, 2), r"\[N, 3, L\] or \[3, L\] is needed"),
        (lambda: nn.GroupNorm(2, 4), (3, 5), r"\[N, 4, …\] is needed"),
        (lambda: nn.GroupNorm(2, 5), (3, 5), "num_channels 5 is not a multiple of num_groups 2"),
        (lambda: nn.BatchNorm3d(0), (), "at least 1 channel"),
        (lambda: nn.BatchNorm1d(3), (1, 3), "more than 1 value for each channel"),
        (lambda: nn.InstanceNorm1d(3), (4, 3, 1), "more than 1 value for each channel"),
        (lambda: nn.Dropout2d(1.5), (), r"Dropout2d\(p=1.5\)"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], shape: tuple[int, ...], message: str) -> None:
    with asg.graph(), pytest.raises(AsgError, match=message):
        make()(asg.input("x", shape))


@pytest.mark.parametrize("momentum", [0.5, None])
def test_statistics_of_more_elements_than_float16_counts(momentum: float | None) -> None:
    layer = nn.BatchNorm2d(1, momentum=momentum, dtype="float16", name="")
    with asg.graph() as g:
        g.output(y=layer(asg.input("x", ("batch", 1, "height", "width"), "float16")))
    x = (2 * RNG.standard_normal((1, 1, 300, 300))).astype(np.float16)
    session = asg_executor.Session({"train": g.document()})
    session.step({"x": x})
    variance = x.astype(np.float64).var()
    expected = variance if momentum is None else (1 + variance) / 2
    np.testing.assert_allclose(session.parameters()["running_var"], [expected], rtol=2e-3)
