"""PyTorch's functions for gathers, scatters and diagonals, over tensors and the node's attributes."""

from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812 - the name by which it is known
from torch import Tensor

__all__ = ["FUNCTIONS"]


def _places(x: Tensor, indices: Tensor, batch_dims: int) -> tuple[Tensor, ...]:
    """What PyTorch's own indexing takes in place of index tuples."""
    rank = indices.ndim - 1
    leading = [
        torch.arange(size).reshape((1,) * axis + (size,) + (1,) * (rank - axis - 1))
        for axis, size in enumerate(x.shape[:batch_dims])
    ]
    return (*leading, *indices.long().unbind(-1))


def _gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    places = _places(x, indices, batch_dims)
    return x[places] if places else x.expand(*indices.shape[:-1], *x.shape)


def _scatter_nd_add(x: Tensor, indices: Tensor, source: Tensor, batch_dims: int = 0) -> Tensor:
    places = _places(x, indices, batch_dims)
    if not places:
        return x + source.sum(list(range(indices.ndim - 1)))
    return x.index_put(places, source, accumulate=True)


def _scatter_nd_set(x: Tensor, indices: Tensor, source: Tensor, batch_dims: int = 0) -> Tensor:
    # One after another: which of repeated indices wins is not said in PyTorch.
    places = _places(x, indices, batch_dims)
    tuples = indices.shape[:-1]
    result = x.clone()
    for index in product(*map(range, tuples)):
        place = tuple(axis.expand(tuples)[index] for axis in places)
        result = result.index_put(place, source[index]) if place else source[index].clone()
    return result


def _one_hot(x: Tensor, num_classes: int, dtype: str = "float32") -> Tensor:
    return F.one_hot(x.long(), num_classes).to(getattr(torch, dtype))


FUNCTIONS = {
    "gather_nd": _gather_nd,
    "scatter_nd_add": _scatter_nd_add,
    "scatter_nd_set": _scatter_nd_set,
    "one_hot": _one_hot,
    "embedding": F.embedding,
    "diag": lambda x, k=0: torch.diag(x, k),
    "diagonal": lambda x, offset=0: torch.diagonal(x, offset, -2, -1),
    "tril": lambda x, k=0: torch.tril(x, k),
    "triu": lambda x, k=0: torch.triu(x, k),
}
"""By the op's name."""
