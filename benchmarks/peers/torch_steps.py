"""The workloads in PyTorch, eager or compiled."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import BlockSize, CnnSize, MlpSize, Workload

__all__ = ["TorchSteps"]


class _Block(nn.Module):
    """A pre-LN transformer block."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        self.heads = size.num_heads
        self.norm1, self.norm2 = nn.LayerNorm(size.embed_dim), nn.LayerNorm(size.embed_dim)
        self.qkv, self.out = nn.Linear(size.embed_dim, 3 * size.embed_dim), nn.Linear(size.embed_dim, size.embed_dim)
        self.linear1 = nn.Linear(size.embed_dim, size.ff_dim)
        self.linear2 = nn.Linear(size.ff_dim, size.embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, sequence, width = x.shape
        query, key, value = (
            part.view(batch, sequence, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, sequence, width))
        return x + self.linear2(functional.gelu(self.linear1(self.norm2(x))))


def _mlp(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (in_features, out_features) in enumerate(itertools.pairwise(widths)):
        if index:
            layers.append(nn.ReLU())
        layers.append(nn.Linear(in_features, out_features))
    return nn.Sequential(*layers)


def _cnn(size: CnnSize) -> nn.Sequential:
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


def _model(size: BlockSize | MlpSize | CnnSize) -> nn.Sequential:
    if isinstance(size, BlockSize):
        return nn.Sequential(*(_Block(size) for _ in range(size.layers)))
    return _cnn(size) if isinstance(size, CnnSize) else _mlp(size.widths)


def _name(name: str) -> str:
    """The name that a parameter has here."""
    name = name.removeprefix("sequential.")
    return name.replace("self_attn.in_proj_", "qkv.").replace("self_attn.out_proj.", "out.")


class TorchSteps:
    """See `benchmarks.steps.Steps`.

    Args:
        workload: what is computed.
        weights: the values that the parameters have at the start.
        compiled: whether the model with its loss, and the backward part of it, go through `torch.compile`.
    """

    def __init__(
        self, workload: Workload, weights: Mapping[str, np.ndarray[Any, Any]], *, compiled: bool = False
    ) -> None:
        self._model = _model(workload.model)
        self._weights = {_name(name): torch.from_numpy(array.copy()) for name, array in weights.items()}
        self._model.load_state_dict(self._weights)
        batch = {name: torch.from_numpy(array) for name, array in workload.batch().items()}
        self.step = (
            self._training_step(workload, batch, compiled) if workload.optimizer else self._answer(batch["x"], compiled)
        )

    def restart(self) -> None:
        """Give the parameters their first values, and the optimizer its first state."""
        self._model.load_state_dict(self._weights)  # in place
        if self._model.training:
            self._optimizer.state.clear()

    def _answer(self, x: torch.Tensor, compiled: bool) -> Callable[[], object]:
        model = self._model.eval()
        answer = torch.compile(model) if compiled else model

        def step() -> object:
            with torch.inference_mode():
                return answer(x).numpy()

        return step

    def _training_step(
        self, workload: Workload, batch: dict[str, torch.Tensor], compiled: bool
    ) -> Callable[[], object]:
        model, x = self._model, batch["x"]
        if isinstance(workload.model, BlockSize):
            loss_of, target = functional.mse_loss, batch["target"]
        else:
            loss_of, target = functional.cross_entropy, batch["labels"]
        kind = torch.optim.Adam if workload.optimizer["kind"] == "adam" else torch.optim.SGD
        optimizer = self._optimizer = kind(model.parameters(), lr=workload.optimizer["learning_rate"], fused=True)

        def forward(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return loss_of(model(x), target)

        compute = torch.compile(forward) if compiled else forward

        def step() -> object:
            optimizer.zero_grad(set_to_none=True)
            loss = compute(x, target)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step
