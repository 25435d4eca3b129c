"""PyTorch's functions for composites, over tensors and the node's attributes."""

from collections.abc import Callable
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


def _prelu(x: Tensor, weight: Tensor) -> Tensor:
    return F.prelu(x, weight.reshape(-1))


def _glu(x: Tensor, axis: int = -1) -> Tensor:
    return F.glu(x, axis)


_SAME_NAME = [
    *("elu", "selu", "celu", "hardtanh", "relu6", "hardswish", "mish", "softsign", "tanhshrink"),
    *("softshrink", "hardshrink"),
]

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(F, name) for name in _SAME_NAME},
    "log_sigmoid": F.logsigmoid,
    # By its documented formula: the function's own derivative has single precision, and no second one.
    "hardsigmoid": lambda x: F.relu6(x + 3.0) / 6.0,
    "prelu": _prelu,
    "glu": _glu,
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
}
"""By the op's name."""
