"""The workloads in PyTorch, eager."""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import BlockSize, CnnSize, Workload

__all__ = ["torch_step"]


class _Block(nn.Module):
    """A pre-LN transformer block."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        self.heads = size.num_heads
        self.norm1, self.norm2 = nn.LayerNorm(size.embed_dim), nn.LayerNorm(size.embed_dim)
        self.query, self.key, self.value, self.out = (nn.Linear(size.embed_dim, size.embed_dim) for _ in range(4))
        self.up, self.down = nn.Linear(size.embed_dim, size.ff_dim), nn.Linear(size.ff_dim, size.embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, sequence, width = x.shape
        normed = self.norm1(x)
        query, key, value = (
            layer(normed).view(batch, sequence, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, sequence, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


def _mlp(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for index, (in_features, out_features) in enumerate(itertools.pairwise(widths)):
        if index:
            layers.append(nn.ReLU())
        layers.append(nn.Linear(in_features, out_features))
    return nn.Sequential(*layers)


def _cnn(size: CnnSize) -> nn.Module:
    inputs, first, second = size.channels
    return nn.Sequential(
        nn.Conv2d(inputs, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(size.features, size.hidden),
        nn.ReLU(),
        nn.Linear(size.hidden, size.classes),
    )


def _model(workload: Workload) -> nn.Module:
    if workload.block:
        return _Block(workload.block)
    return _cnn(workload.cnn) if workload.cnn else _mlp(workload.widths)


def torch_step(workload: Workload) -> Callable[[], object]:
    """One training step of the workload: gradient, update, and the loss as a number."""
    torch.manual_seed(0)
    model = _model(workload)
    rate = workload.optimizer["learning_rate"]
    if workload.optimizer["kind"] == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, fused=True)
    x = torch.from_numpy(workload.batch["x"])
    target = torch.from_numpy(workload.batch["target" if workload.block else "labels"])
    loss_of = functional.mse_loss if workload.block else functional.cross_entropy

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
