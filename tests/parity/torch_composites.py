"""PyTorch's functions for composites, over tensors and the node's attributes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
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


def _stack(*arrays: Tensor, axis: int = 0) -> Tensor:
    return torch.stack(arrays, axis)


def _tile(x: Tensor, repetitions: Any) -> Tensor:
    return torch.tile(x, list(repetitions))


def _repeat(x: Tensor, repeats: int, axis: int | None = None) -> Tensor:
    return torch.repeat_interleave(x, repeats, axis)


def _roll(x: Tensor, shift: Any, axis: Any = None) -> Tensor:
    # PyTorch does not take an empty list of axes.
    return x.clone() if axis == [] else torch.roll(x, list(shift), axis)


def _padded(x: Tensor, low: Any, high: Any, mode: str) -> Tensor:
    # One axis at a time, as PyTorch wants it: the last, behind a batch and channels.
    for axis, amounts in enumerate(zip(low, high, strict=True)):
        lines = x.movedim(axis, -1)
        if any(amounts) and x.numel():
            rows = lines.reshape(1, -1, lines.shape[-1])
            wide = rows if x.is_floating_point() else rows.double()
            lines = F.pad(wide, amounts, mode).reshape(*lines.shape[:-1], -1).to(x.dtype)
        elif any(amounts):
            lines = lines.new_zeros((*lines.shape[:-1], lines.shape[-1] + sum(amounts)))
        x = lines.movedim(-1, axis)
    return x


_SAME_NAME = [
    *("elu", "selu", "celu", "hardtanh", "relu6", "hardswish", "mish", "softsign", "tanhshrink"),
    *("softshrink", "hardshrink"),
]

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(F, name) for name in _SAME_NAME},
    "log_sigmoid": F.logsigmoid,
    # By its documented formula: the function's own derivative has single precision, and no second one.
    "hardsigmoid": lambda x: F.relu6(x + 3.0) / 6.0,
    "pad_edge": partial(_padded, mode="replicate"),
    "pad_reflect": partial(_padded, mode="reflect"),
    "prelu": _prelu,
    "repeat": _repeat,
    "roll": _roll,
    "stack": _stack,
    "tile": _tile,
    "glu": _glu,
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
}
"""By the op's name."""
