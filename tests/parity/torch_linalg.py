"""PyTorch's linear algebra, over tensors and the node's attributes; signs are chosen as in the format."""

import torch
from torch import Tensor

__all__ = ["FUNCTIONS"]


def _symmetric(x: Tensor) -> Tensor:
    return (x + x.mT) / 2


def _signs(columns: Tensor) -> Tensor:
    if 0 in columns.shape:
        return torch.ones_like(columns[..., :1, :]) if columns.shape[-2] else columns.new_ones(1, columns.shape[-1])
    magnitudes = columns.detach().abs()
    first = (magnitudes >= 0.3 * magnitudes.amax(-2, keepdim=True)).int().argmax(-2, keepdim=True)
    return torch.where(columns.detach().gather(-2, first) < 0, -1.0, 1.0).to(columns.dtype)


def _cholesky(x: Tensor, upper: bool = False) -> Tensor:
    return torch.linalg.cholesky(_symmetric(x), upper=upper)


def _triangular_solve(
    a: Tensor,
    b: Tensor,
    upper: bool = False,
    transpose_a: bool = False,
    unit_diagonal: bool = False,
    left: bool = True,
) -> Tensor:
    system = a.triu() if upper else a.tril()
    if unit_diagonal:  # PyTorch wants ones there for the derivative
        system = system - torch.diag_embed(system.diagonal(dim1=-2, dim2=-1)) + torch.eye(a.shape[-1], dtype=a.dtype)
    if transpose_a:
        system, upper = system.mT, not upper
    return torch.linalg.solve_triangular(system, b, upper=upper, left=left)


def _qr(x: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    q, r = torch.linalg.qr(x, mode)
    sign = torch.where(r.detach().diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(x.dtype)
    whole = torch.cat([sign, sign.new_ones(*sign.shape[:-1], q.shape[-1] - sign.shape[-1])], -1)
    return q * whole[..., None, :], r * whole[..., None]


def _eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(_symmetric(x))
    return values, vectors * _signs(vectors)


def _svd(x: Tensor, full_matrices: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    u, s, vh = torch.linalg.svd(x, full_matrices=full_matrices)
    sign = _signs(u)
    return u * sign, s, vh * sign.mT


def _solve(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b)


FUNCTIONS = {
    "cholesky": _cholesky,
    "triangular_solve": _triangular_solve,
    "qr": _qr,
    "eigh": _eigh,
    "svd": _svd,
    "lu": lambda x: tuple(torch.linalg.lu(x)),
    "solve": _solve,
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "slogdet": lambda x: tuple(torch.linalg.slogdet(x)),
}
"""By the op's name."""
