"""PyTorch's functions for composites, over tensors and the node's attributes."""

import math
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


def _cosine_similarity(x1: Tensor, x2: Tensor, axis: int = 1, eps: float = 1e-8) -> Tensor:
    return F.cosine_similarity(x1, x2, axis, eps)


def _pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Tensor:
    return F.pairwise_distance(x1, x2, p, eps, keepdims)


def _rotary_embedding(
    x: Tensor, positions: Tensor | None = None, base: float = 10000.0, interleaved: bool = False
) -> Tensor:
    # PyTorch has no such function: each pair as a complex number, turned by one of length 1.
    width = x.shape[-1]
    where = torch.arange(x.shape[-2]) if positions is None else positions
    exponents = -torch.arange(0, width, 2, dtype=x.dtype) / max(width, 1)
    angles = where[..., None] * torch.tensor(base, dtype=x.dtype) ** exponents
    pairs = x.reshape(*x.shape[:-1], width // 2, 2) if interleaved else torch.stack(x.chunk(2, -1), -1)
    turn = torch.polar(torch.ones_like(angles), angles)
    turned = torch.view_as_real(torch.view_as_complex(pairs) * turn)
    return turned.reshape(x.shape) if interleaved else torch.cat(turned.unbind(-1), -1)


def _addcmul(x: Tensor, a: Tensor, b: Tensor, value: float = 1.0) -> Tensor:
    return torch.addcmul(x, a, b, value=value)


def _gate(x: Tensor, control: Tensor) -> Tensor:
    return torch.where(control <= 0, torch.zeros_like(x), x)


def _normal_pdf(x: Tensor) -> Tensor:
    return torch.exp(-x.square() / 2) / math.sqrt(math.tau)


def _rstd(x: Tensor, axis: Any = None, keepdims: bool = False, eps: float = 1e-5) -> Tensor:
    # By its formula: where PyTorch yields it, it is over the last axes alone, and has no derivative.
    axes = list(range(x.ndim)) if axis is None else list(axis)
    return (torch.var(x, dim=axes, keepdim=keepdims, correction=0) + eps).rsqrt()


_SAME_NAME = [
    *("elu", "selu", "celu", "hardtanh", "relu6", "hardswish", "mish", "softsign", "tanhshrink"),
    *("softshrink", "hardshrink"),
]

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(F, name) for name in _SAME_NAME},
    "addcmul": _addcmul,
    "gate": _gate,
    "normal_cdf": torch.special.ndtr,
    "normal_pdf": _normal_pdf,
    "rstd": _rstd,
    "cosine_similarity": _cosine_similarity,
    "einsum": lambda *operands, equation: torch.einsum(equation, *operands),
    "outer": torch.outer,
    "pairwise_distance": _pairwise_distance,
    "rotary_embedding": _rotary_embedding,
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
