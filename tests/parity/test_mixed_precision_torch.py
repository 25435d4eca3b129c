"""Mixed precision beside `torch.autocast` and `torch.amp.GradScaler`: the same rounding, scale and weights."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_executor import Session
from asg_executor.plan.arrays import Array
from asg_schema.document import Document

STEPS = 20
SIZES = (12, 32, 16, 3)


def mlp() -> Document:
    with asg.graph("mlp") as graph:
        x, target = asg.input("x", ("batch", SIZES[0])), asg.input("target", ("batch", SIZES[-1]))
        for number, (before, behind) in enumerate(pairwise(SIZES)):
            x = nn.Linear(before, behind, bias=False, name=f"layer{number}")(asg.relu(x) if number else x)
        graph.output(loss=losses.mse(x, target))
    return graph.document()


def batches() -> list[dict[str, Array]]:
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(SIZES[0], SIZES[-1]))
    found: list[dict[str, Array]] = []
    for _ in range(STEPS):
        x = generator.normal(size=(32, SIZES[0]))
        found.append({"x": x.astype(np.float32), "target": np.tanh(x @ mixing).astype(np.float32)})
    return found


def trained(precision: Any, engine: str, *, loss_scale: bool = False) -> tuple[Session, list[float]]:
    session = Session(
        {"train": grad(mlp(), loss_scale=loss_scale)},
        {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.9},
        seed=3,
        engine=engine,
        precision=precision,
    )
    return session, [float(session.step(batch)["loss"]) for batch in batches()]


def torch_weights() -> list[torch.Tensor]:
    first = Session({"train": grad(mlp())}, {"kind": "sgd"}, seed=3).parameters()
    return [torch.from_numpy(value.copy()).requires_grad_() for value in first.values()]


def torch_loss(weights: list[torch.Tensor], batch: dict[str, Array]) -> torch.Tensor:
    hidden = torch.from_numpy(batch["x"])
    for number, weight in enumerate(weights):
        hidden = torch.nn.functional.linear(torch.relu(hidden) if number else hidden, weight)
    return torch.nn.functional.mse_loss(hidden.float(), torch.from_numpy(batch["target"]))


def distance(found: Session, weights: list[torch.Tensor]) -> float:
    """The root of the mean square of the difference of all weights."""
    pairs = zip(found.parameters().values(), weights, strict=True)
    differences = np.concatenate([(value - weight.detach().numpy()).ravel() for value, weight in pairs])
    return float(np.sqrt(np.mean(differences**2)))


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_an_mlp_trains_as_under_autocast(dtype: str, engine: str) -> None:
    weights = torch_weights()
    optimizer = torch.optim.SGD(weights, lr=0.2, momentum=0.9)
    expected: list[float] = []
    for batch in batches():
        optimizer.zero_grad()
        with torch.autocast("cpu", getattr(torch, dtype)):
            loss = torch_loss(weights, batch)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert all(weight.dtype == torch.float32 for weight in weights)
    mixed, found = trained({"kind": "mixed", "dtype": dtype}, engine)
    exact, plain = trained("as_written", engine)
    # Only sums that fall on a boundary of rounding may differ, where the order of their terms does.
    assert found[0] == pytest.approx(expected[0], rel=1e-4)
    np.testing.assert_allclose(found, expected, rtol=0.02 if dtype == "bfloat16" else 0.003)
    assert distance(mixed, weights) < 0.5 * distance(exact, weights), "as far from PyTorch as without mixed precision"
    assert plain != found


def test_the_scale_follows_the_gradients_as_gradscaler_does() -> None:
    settings = {"init_scale": 2.0**22, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 3}
    weights = torch_weights()
    optimizer = torch.optim.SGD(weights, lr=0.2, momentum=0.9)
    scaler: Any = torch.amp.GradScaler("cpu", **settings)
    scales: list[float] = []
    for batch in batches():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = torch_loss(weights, batch)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    session = Session(
        {"train": grad(mlp(), loss_scale=True)},
        {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.9},
        seed=3,
        precision={"kind": "mixed", "dtype": "float16", "loss_scaling": settings},
    )
    found: list[float | None] = []
    for batch in batches():
        session.step(batch)
        found.append(session.loss_scale)
    assert len(set(scales)) > 1, "the scale does not move, so that nothing is compared"
    assert found == scales
    assert distance(session, weights) < 5e-3
