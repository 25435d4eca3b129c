"""Optimizers over HTTP in another process, as the client describes them; and the example of one of its own."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import Client, ValidationProblem
from asg_builder.optim import schedules
from asg_executor import Session
from asg_schema import AsgError, Document

EXAMPLE = Path(__file__).parents[2] / "builder/examples/custom_optimizer.py"


def classifier() -> dict[str, Document]:
    """A network with one hidden layer, to predict and to train with."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), name="net")
    with asg.graph("net") as g:
        scores = model(asg.input("x", ("batch", 4)))
        g.output(scores=scores, loss=losses.cross_entropy(scores, asg.input("label", ("batch",), "int64")))
    forward = g.document()
    return {"predict": forward, "train": grad(forward, of="loss")}


def data(size: int = 24) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((size, 4)).astype(np.float32)
    return {"x": x, "label": (x @ rng.standard_normal((4, 3))).argmax(axis=1)}


def halves(batch: dict[str, Any]) -> list[dict[str, Any]]:
    middle = len(batch["x"]) // 2
    return [{name: rows[part] for name, rows in batch.items()} for part in (slice(middle), slice(middle, None))]


VECTORS = optim.Group("*.bias", weight_decay=0.0, lr=schedules.StepLR(0.05, step_size=10, gamma=0.5))


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.SGD(0.5, momentum=0.9, nesterov=True, weight_decay=1e-4, groups=[VECTORS]),
        optim.AdamW(schedules.WarmupCosine(0.05, 5, 40), groups=[VECTORS], clip_global_norm=1.0),
        optim.Lion(0.01, weight_decay=0.1),
        optim.LAMB(0.05),
        optim.Adafactor(0.1),
        optim.Muon(0.1, groups=[optim.Group("*.bias", optimizer=optim.AdamW(0.05))]),
    ],
    ids=lambda item: type(item).__name__,
)
def test_they_train_and_go_on_in_process_as_over_http(client: Client, optimizer: optim.Optimizer) -> None:
    remote = client.create_session(classifier(), optimizer, seed=1)
    local = Session(classifier(), optimizer.to_json(), seed=1)
    history = [float(remote.step(data())["loss"]) for _ in range(40)]
    np.testing.assert_array_equal(history, [float(local.step(data())["loss"]) for _ in range(40)])
    assert history[-1] < 0.6 * history[0]


def test_micro_batches_and_the_average_of_the_weights(client: Client) -> None:
    settings = optim.Adam(0.05, accumulation="mean", average_decay=0.9)
    session, local = client.create_session(classifier(), settings, seed=1), Session(classifier(), settings.to_json(), 1)
    for _ in range(5):
        outputs = session.step_micro_batches(halves(data()), outputs=["loss"])
        expected = local.step_micro_batches(halves(data()), ["loss"])
        assert [float(part["loss"]) for part in outputs] == [float(part["loss"]) for part in expected]
        assert [list(part) for part in outputs] == [["loss"], ["loss"]]
    assert session.number == 5
    averages = session.averaged_parameters()
    for name, value in local.averaged_parameters().items():
        np.testing.assert_array_equal(averages[name], value)
        assert (averages[name] != session.parameters()[name]).any()
    x = data()["x"]
    found = session.run("predict", x=x, parameters="average")["scores"]
    np.testing.assert_array_equal(found, local.run("predict", {"x": x}, parameters="average")["scores"])
    assert (found != session.run("predict", x=x)["scores"]).any()


def test_what_does_not_fit_is_told_with_its_place(client: Client) -> None:
    with pytest.raises(ValidationProblem, match=r"/optimizer/groups/0/parameters: .*did you mean"):
        client.create_session(classifier(), optim.SGD(0.1, groups=[optim.Group("net.0.wieght")]))
    with pytest.raises(ValidationProblem, match=r'"net.0.bias" is float32\[8\]: muon is for matrices'):
        client.create_session(classifier(), optim.Muon())
    session = client.create_session(classifier(), optim.SGD(0.1))
    with pytest.raises(ValidationProblem, match="average_decay"):
        session.averaged_parameters()
    with pytest.raises(AsgError, match='there is no input "y"'):
        session.step_micro_batches([{"y": 1}])
    with pytest.raises(ValidationProblem, match="micro_batches"):
        session.step_micro_batches([])


def test_the_example_of_a_custom_optimizer() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--steps", "150"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(\w+): loss (\S+) after 150 steps$", done.stdout, re.MULTILINE)
    assert [name for name, _ in found] == ["Adam", "Yogi"]
    assert all(float(loss) < 0.2 for _, loss in found)
