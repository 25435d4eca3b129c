"""PyTorch's functions for windows that slide over axes, over tensors and the node's attributes."""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name by which it is known
from torch import Tensor

__all__ = ["FUNCTIONS"]

_CONV = (F.conv1d, F.conv2d, F.conv3d)


def _padded(x: Tensor, padding: Any, value: float = 0.0) -> Tensor:
    amounts = [amount for low, high in reversed(padding or []) for amount in (low, high)]
    return F.pad(x, amounts, value=value) if amounts else x


def _moved_apart(x: Tensor, steps: Any) -> Tensor:
    sizes = [(n - 1) * step + 1 if n else 0 for n, step in zip(x.shape[2:], steps, strict=True)]
    result = torch.zeros(*x.shape[:2], *sizes, dtype=x.dtype)
    result[(..., *(slice(None, None, step) for step in steps))] = x
    return result


def _conv(x: Tensor, weight: Tensor, *, batch_groups: int = 1, feature_groups: int = 1, **attributes: Any) -> Tensor:
    if not x.is_floating_point():
        wide = _conv(
            x.double(), weight.double(), batch_groups=batch_groups, feature_groups=feature_groups, **attributes
        )
        return wide.long().to(x.dtype)
    spatial = x.ndim - 2
    ones = [1] * spatial
    padded = _padded(_moved_apart(x, attributes.get("lhs_dilation", ones)), attributes.get("padding"))
    window = {"stride": attributes.get("strides", ones), "dilation": attributes.get("rhs_dilation", ones)}
    parts = [
        _CONV[spatial - 1](some, kernel, groups=feature_groups, **window)
        for some, kernel in zip(padded.chunk(batch_groups), weight.chunk(batch_groups), strict=True)
    ]
    return torch.cat(parts, 1)


def _windows(x: Tensor, kernel_size: Any, value: float, **attributes: Any) -> Tensor:
    """The elements of each window of the padded tensor on a last axis."""
    count = len(kernel_size)
    ones = [1] * count
    x = _padded(x, attributes.get("padding"), value)
    leading = x.ndim - count
    for place in range(count):
        step = attributes.get("dilation", ones)[place]
        reach = (kernel_size[place] - 1) * step + 1
        x = x.unfold(leading + place, reach, attributes.get("strides", ones)[place])[..., ::step]
    return x.flatten(leading + count)


def _window_sum(x: Tensor, kernel_size: Any, **attributes: Any) -> Tensor:
    return _windows(x, kernel_size, 0.0, **attributes).sum(-1, dtype=x.dtype)


def _max_pool(x: Tensor, kernel_size: Any, **attributes: Any) -> tuple[Tensor, Tensor]:
    lowest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    windows = _windows(x, kernel_size, lowest, **attributes)
    inside = _windows(torch.ones_like(x, dtype=torch.float64), kernel_size, 0.0, **attributes) == 1.0
    values = windows.amax(-1, keepdim=True)
    largest = (windows == values) | (windows.isnan() & values.isnan())
    first = (largest & inside).to(torch.int8).argmax(-1, keepdim=True)
    spatial = x.shape[x.ndim - len(kernel_size) :]
    places = torch.arange(math.prod(spatial), dtype=torch.float64).reshape(spatial).expand(x.shape)
    indices = _windows(places, kernel_size, 0.0, **attributes).gather(-1, first).squeeze(-1)
    return windows.gather(-1, first).squeeze(-1), indices.long()


def _avg_pool(x: Tensor, kernel_size: Any, count_include_pad: bool = True, **attributes: Any) -> Tensor:
    total = _window_sum(x, kernel_size, **attributes)
    if count_include_pad:
        return total / math.prod(kernel_size)
    return total / _window_sum(
        torch.ones(x.shape[x.ndim - len(kernel_size) :], dtype=x.dtype), kernel_size, **attributes
    )


def _adaptive(functions: tuple[Any, ...]) -> Any:
    def pool(x: Tensor, output_size: Any) -> Tensor:
        # With the leading axes as the batch; integers as floats, which hold them exactly.
        spatial = len(output_size)
        flat = x.reshape(math.prod(x.shape[: x.ndim - spatial]), 1, *x.shape[x.ndim - spatial :])
        result = functions[spatial - 1](flat if x.is_floating_point() else flat.double(), tuple(output_size))
        return result.reshape(*x.shape[: x.ndim - spatial], *output_size).to(x.dtype)

    return pool


def _global(pool: Any) -> Any:
    def function(x: Tensor) -> Tensor:
        return pool(x, (1,) * (x.ndim - 2))

    return function


_avg = _adaptive((F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d))
_max = _adaptive((F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d))
_CONV_TRANSPOSE = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: Any = 1,
    padding: Any = (),
    output_padding: Any = None,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    function = _CONV_TRANSPOSE[x.ndim - 3]
    if all(low == high for low, high in padding):
        around = [low for low, _ in padding] or 0
        return function(x, weight, bias, strides, around, output_padding or 0, groups, dilation)
    assert output_padding is None
    whole = function(x, weight, bias, strides, 0, 0, groups, dilation)
    return _padded(whole, [(-low, -high) for low, high in padding])


_LINEAR = ("linear", "bilinear", "trilinear")


def _interpolate(
    x: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Tensor:
    axes = len(size or scale_factor)
    flat = x.reshape(math.prod(x.shape[: x.ndim - axes]), 1, *x.shape[x.ndim - axes :])
    options = {} if mode == "nearest" else {"align_corners": align_corners}
    kind = mode if mode == "nearest" else _LINEAR[axes - 1]
    result = F.interpolate(flat, size=size and list(size), scale_factor=scale_factor, mode=kind, **options)
    return result.reshape(*x.shape[: x.ndim - axes], *result.shape[2:])


def _max_unpool(x: Tensor, indices: Tensor, output_size: Any) -> Tensor:
    # By its definition: where windows overlap, PyTorch's keeps one of the elements.
    leading, places = x.shape[: x.ndim - len(output_size)], math.prod(output_size)
    flat, spots = (value.reshape(*leading, math.prod(x.shape[len(leading) :])) for value in (x, indices.long()))
    zeros = torch.zeros(*leading, places, dtype=x.dtype)
    return zeros.scatter_add(-1, spots % places, flat).reshape(*leading, *output_size)


FUNCTIONS = {
    "conv": _conv,
    "window_sum": _window_sum,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_avg_pool": _avg,
    "adaptive_max_pool": _max,
    "global_avg_pool": _global(_avg),
    "global_max_pool": _global(_max),
    "conv_transpose": _conv_transpose,
    "max_unpool": _max_unpool,
    "interpolate": _interpolate,
}
"""By the op's name."""
