"""PyTorch's functions for composites, over tensors and the node's attributes."""

from typing import Any

import torch.nn.functional as F  # noqa: N812 - the name by which it is known
from torch import Tensor

__all__ = ["FUNCTIONS"]


def _rms_norm(x: Tensor, weight: Tensor | None = None, *, normalized_shape: Any, eps: float | None = None) -> Tensor:
    return F.rms_norm(x, list(normalized_shape), weight, eps)


def _batch_norm(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    axis: int = 1,
    eps: float = 1e-5,
) -> Tensor:
    # By its documented formula: the function itself has no derivative by the statistics.
    channels = x.movedim(axis, -1)
    scale = 1.0 if weight is None else weight
    return ((channels - mean) / (var + eps).sqrt() * scale + (0.0 if bias is None else bias)).movedim(-1, axis)


def _group_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, num_groups: int, eps: float = 1e-5
) -> Tensor:
    return F.group_norm(x, num_groups, weight, bias, eps)


def _instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    return F.instance_norm(x, weight=weight, bias=bias, eps=eps)


FUNCTIONS = {
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
}
"""By the op's name."""
