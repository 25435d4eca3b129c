"""The losses beside PyTorch's: value and derivatives, for each reduction and option."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name by which it is known
from torch import Tensor

import asg_executor
from asg_builder import losses
from builder_harness.losses import CASES, REDUCTIONS, LossCase, document_of
from parity.derivatives import assert_same


def _reduce(values: Tensor, reduction: str) -> Tensor:
    return values if reduction == "none" else getattr(values, reduction)()


def _of_classes(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def loss(scores: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
        return function(scores, target if target.is_floating_point() else target.long(), weight, **options)

    return loss


def _like_input(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def loss(scores: Tensor, target: Tensor, *others: Tensor, **options: Any) -> Tensor:
        return function(scores, target.to(scores.dtype), *others, **options)

    return loss


def _focal(scores: Tensor, target: Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str) -> Tensor:
    """The formulas of the paper and of `torchvision.ops.sigmoid_focal_loss`, with the probabilities written out."""
    p, t = torch.sigmoid(scores), target.to(scores.dtype)
    p_t = p * t + (1 - p) * (1 - t)
    entropy = F.binary_cross_entropy_with_logits(scores, t, reduction="none")
    values = entropy * (1 - p_t) ** gamma
    return _reduce(values if alpha is None else (alpha * t + (1 - alpha) * (1 - t)) * values, reduction)


def _hinge(power: int) -> Callable[..., Tensor]:
    def loss(scores: Tensor, target: Tensor, *, reduction: str) -> Tensor:
        return _reduce(torch.clamp_min(1 - target * scores, 0.0) ** power, reduction)

    return loss


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "mse": _like_input(F.mse_loss),
    "l1": F.l1_loss,
    "smooth_l1": F.smooth_l1_loss,
    "huber": F.huber_loss,
    "cross_entropy": _of_classes(F.cross_entropy),
    "nll": _of_classes(F.nll_loss),
    "kl_divergence": F.kl_div,
    "binary_cross_entropy": _like_input(F.binary_cross_entropy),
    "bce_with_logits": _like_input(F.binary_cross_entropy_with_logits),
    "focal": _focal,
    "hinge": _hinge(1),
    "squared_hinge": _hinge(2),
    "cosine_embedding": F.cosine_embedding_loss,
    "margin_ranking": F.margin_ranking_loss,
    "triplet_margin": F.triplet_margin_loss,
}

# What a loss is not differentiated by in PyTorch, and is here.
CONSTANT = {"bce_with_logits": {"x2", "pos_weight"}}


def test_every_loss_is_compared() -> None:
    assert sorted(FUNCTIONS) == sorted(losses.__all__)


def compare(case: LossCase, reduction: str, wrt: list[str]) -> None:
    document = document_of(case, reduction)
    tensors = {name: torch.tensor(array, requires_grad=name in wrt) for name, array in case.arrays.items()}
    operands = [tensors[f"x{index}"] for index in range(len(case.operands))]
    options = {key: tensors.get(key, value) for key, value in case.options.items()}
    expected = FUNCTIONS[case.name](*operands, **options, reduction=reduction)
    weights = 1.0 + np.arange(expected.numel(), dtype=np.float64).reshape(expected.shape)
    outputs = ["loss", *(f"grad.{name}" for name in wrt)]
    found = asg_executor.run(document, {**case.arrays, "weights": weights}, outputs=outputs)
    assert_same(found["loss"], expected.detach().numpy(), case.id)
    gradients = torch.autograd.grad((expected * torch.tensor(weights)).sum(), [tensors[name] for name in wrt])
    for name, gradient in zip(wrt, gradients, strict=True):
        assert_same(found[f"grad.{name}"], gradient.numpy(), f"{case.id}: derivative by {name}", 1e-11)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_value_and_derivatives(case: LossCase, reduction: str) -> None:
    compare(case, reduction, [name for name in case.wrt if name not in CONSTANT.get(case.name, ())])


def test_the_mean_over_the_batch() -> None:
    case = next(case for case in CASES if case.name == "kl_divergence")
    compare(case, "batchmean", case.wrt)


_X = np.array([0.5, -1.0, 2.0, 0.0])
_STEPS = np.array([0.0, 1.0, -1.0, 2.0])
_FAR = np.array([1e4, -1e4, 800.0, -800.0, 40.0, -40.0, 0.0])
_EDGES = [
    # At the target, and where the parabola meets the line.
    LossCase("l1", (_X, _X)),
    LossCase("smooth_l1", (_X, _X + _STEPS)),
    LossCase("huber", (_X, _X + _STEPS)),
    LossCase("mse", (np.array([1e200, 0.0]), np.array([0.0, -1e200]))),
    LossCase("huber", (np.array([1e300, -1e300]), np.zeros(2))),
    # Where a margin is met exactly.
    LossCase("hinge", (np.array([1.0, -1.0]), np.array([1, -1]))),
    LossCase("squared_hinge", (np.array([1.0, -1.0]), np.array([1, -1]))),
    LossCase("margin_ranking", (_X, _X, np.array([1, -1, 1, -1]))),
    LossCase("triplet_margin", (_X, _X + 1, _X + 1), {"margin": 1.0}),
    # Scores at which the sigmoid is 0 or 1.
    *(LossCase("bce_with_logits", (_FAR, np.full(7, target))) for target in (0.0, 1.0, 0.3)),
    LossCase("bce_with_logits", (_FAR, np.ones(7)), {"pos_weight": np.array(3.0)}),
    # Probabilities 0 and 1.
    LossCase("kl_divergence", (np.array([-1.0, -2.0, -0.5]), np.array([0.0, 1.0, 0.5])), constant=(1,)),
    # Vectors of zeros.
    LossCase("cosine_embedding", (np.zeros((2, 3)), np.zeros((2, 3)), np.array([1, -1])), {"margin": -0.5}),
]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", _EDGES, ids=lambda case: case.id)
def test_edges(case: LossCase, reduction: str) -> None:
    compare(case, reduction, [name for name in case.wrt if name == "x0"])


def test_certain_probabilities() -> None:
    """The derivative by the target is infinite in PyTorch, and its 1e-12 is that of float32."""
    x, t = np.array([0.0, 0.0, 1.0, 1.0, 1e-60]), np.array([0.0, 1.0, 0.0, 1.0, 0.5])
    case = LossCase("binary_cross_entropy", (x, t), constant=(1,))
    found = asg_executor.run(document_of(case, "none"), {**case.arrays, "weights": np.ones(5)})
    tensor = torch.tensor(x, requires_grad=True)
    expected = F.binary_cross_entropy(tensor, torch.tensor(t), reduction="none")
    assert_same(found["loss"], expected.detach().numpy(), case.id)
    (gradient,) = torch.autograd.grad(expected.sum(), tensor)
    np.testing.assert_allclose(found["grad.x0"], gradient.numpy(), rtol=1e-8)
