"""Initial values have the distributions of `torch.nn.init`: both are drawn, and their quantiles compared."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from asg_executor import Session
from asg_schema.document import Document
from op_samples.sample import Array

_SHAPE = (250, 80, 2, 2)

CASES: list[tuple[dict[str, Any], Callable[[torch.Tensor], object]]] = [
    ({"kind": "uniform", "low": -0.5, "high": 2.0}, lambda w: nn.init.uniform_(w, -0.5, 2.0)),
    ({"kind": "normal", "mean": 1.0, "std": 0.2}, lambda w: nn.init.normal_(w, 1.0, 0.2)),
    (
        {"kind": "truncated_normal", "mean": 0.5, "std": 2.0, "low": -1.0, "high": 3.0},
        lambda w: nn.init.trunc_normal_(w, 0.5, 2.0, -1.0, 3.0),
    ),
    ({"kind": "xavier_uniform"}, nn.init.xavier_uniform_),
    ({"kind": "xavier_uniform", "gain": 2.0}, lambda w: nn.init.xavier_uniform_(w, 2.0)),
    ({"kind": "xavier_normal"}, nn.init.xavier_normal_),
    ({"kind": "kaiming_uniform"}, nn.init.kaiming_uniform_),
    ({"kind": "kaiming_uniform", "a": 5.0**0.5}, lambda w: nn.init.kaiming_uniform_(w, 5.0**0.5)),
    (
        {"kind": "kaiming_uniform", "mode": "fan_out", "nonlinearity": "relu"},
        lambda w: nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    ),
    ({"kind": "kaiming_normal", "nonlinearity": "tanh"}, lambda w: nn.init.kaiming_normal_(w, nonlinearity="tanh")),
    (
        {"kind": "kaiming_normal", "mode": "fan_out", "nonlinearity": "selu"},
        lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="selu"),
    ),
]


def draw(init: dict[str, Any], shape: tuple[int, ...], seed: int = 7) -> Array:
    parameter = {"id": "w", "dtype": "float64", "shape": list(shape), "init": init}
    document = Document.from_dict({"asg": 1, "parameters": [parameter], "outputs": [{"name": "w", "value": "w"}]})
    return Session({"predict": document}, seed=seed).parameters()["w"]


@pytest.mark.parametrize(("init", "fill"), CASES, ids=lambda case: str(case) if isinstance(case, dict) else "")
def test_distribution(init: dict[str, Any], fill: Callable[[torch.Tensor], object]) -> None:
    ours = np.sort(draw(init, _SHAPE).reshape(-1))
    torch.manual_seed(0)
    weight = torch.empty(_SHAPE, dtype=torch.float64)
    fill(weight)
    theirs = np.sort(weight.numpy().reshape(-1))
    # Kolmogorov and Smirnov's distance of two samples of this size exceeds this with probability 1e-6.
    places = np.searchsorted(theirs, ours) / len(theirs)
    distance = np.abs(places - np.arange(len(ours)) / len(ours)).max()
    assert distance < np.sqrt(-np.log(1e-6 / 2.0) / len(ours))
    # Beyond that, the bounds and the spread to three digits.
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=2e-2)
    if "normal" not in init["kind"] or init["kind"] == "truncated_normal":
        width = theirs[-1] - theirs[0]
        assert ours[0] == pytest.approx(theirs[0], abs=1e-3 * width)
        assert ours[-1] == pytest.approx(theirs[-1], abs=1e-3 * width)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (4, 3, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    value = draw({"kind": "orthogonal", "gain": 1.5}, shape)
    weight = torch.empty(shape, dtype=torch.float64)
    nn.init.orthogonal_(weight, 1.5)
    for matrix in (value, weight.numpy()):
        flat = matrix.reshape(shape[0], -1)
        product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        np.testing.assert_allclose(product, 1.5**2 * np.eye(len(product)), atol=1e-13)
