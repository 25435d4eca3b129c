"""PyTorch's functions for sorting, norms and running products, over tensors and the node's attributes."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["FUNCTIONS"]


def _sort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    return torch.sort(x, dim=axis, descending=descending, stable=stable).values


def _argsort(x: Tensor, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    return torch.argsort(x, dim=axis, descending=descending, stable=stable)


def _top_k(x: Tensor, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    values, indices = torch.topk(x, k, dim=axis, largest=largest)
    return values, indices


def _std(x: Tensor, axis: Any = None, keepdims: bool = False, correction: float = 0.0) -> Tensor:
    return torch.std(x, dim=list(range(x.ndim)) if axis is None else axis, keepdim=keepdims, correction=correction)


def _norm(x: Tensor, axis: Any = None, keepdims: bool = False, ord: Any = 2.0) -> Tensor:
    if axis == []:
        return x.abs()  # to PyTorch that is all axes
    return torch.linalg.vector_norm(x, float(ord), dim=axis, keepdim=keepdims)


def _cumulative_prod(x: Tensor, axis: int, reverse: bool = False, exclusive: bool = False) -> Tensor:
    turned = x.flip(axis) if reverse else x
    if exclusive and turned.shape[axis]:
        before = turned.narrow(axis, 0, turned.shape[axis] - 1)
        turned = torch.cat([torch.ones_like(turned.narrow(axis, 0, 1)), before], axis)
    product = torch.cumprod(turned, axis, dtype=x.dtype)
    return product.flip(axis) if reverse else product


FUNCTIONS = {
    "sort": _sort,
    "argsort": _argsort,
    "top_k": _top_k,
    "std": _std,
    "norm": _norm,
    "cumulative_prod": _cumulative_prod,
}
"""By the op's name."""
