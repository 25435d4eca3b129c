"""The programs that are timed: extents, optimizer and a batch of data, for whatever library computes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["WORKLOADS", "Batch", "BlockSize", "CnnSize", "MlpSize", "Workload", "workload_named"]

Batch: TypeAlias = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class BlockSize:
    """The extents of pre-LN transformer blocks, one behind the other, and of their batch. The loss is the MSE."""

    batch: int
    sequence: int
    embed_dim: int
    num_heads: int
    ff_dim: int
    layers: int = 1


@dataclass(frozen=True)
class MlpSize:
    """The widths of affine maps with relu between them, and the batch. The loss is the cross-entropy."""

    batch: int
    widths: tuple[int, ...]


@dataclass(frozen=True)
class CnnSize:
    """Two convolutions, each with relu and a maximum over 2 by 2, and two affine maps; cross-entropy."""

    batch: int
    image: int
    channels: tuple[int, int, int]
    hidden: int
    classes: int

    @property
    def features(self) -> int:
        """How many numbers the second pooling leaves of an image."""
        return self.channels[2] * (self.image // 4) ** 2


@dataclass(frozen=True)
class Workload:
    """A training step, or the answer of a model to one example.

    Attributes:
        name: a short one.
        description: what it is, in words.
        model: the extents.
        optimizer: the optimizer's JSON form; None where the model only answers.
    """

    name: str
    description: str
    model: BlockSize | MlpSize | CnnSize
    optimizer: Mapping[str, Any] | None

    def batch(self) -> Batch:
        """The data: `x`, and where it trains the `target` of blocks or the `labels` of the others."""
        rng, model = np.random.default_rng(0), self.model
        if isinstance(model, BlockSize):
            names = ("x", "target") if self.optimizer else ("x",)
            shape = (model.batch, model.sequence, model.embed_dim)
            return {name: rng.standard_normal(shape).astype(np.float32) for name in names}
        if isinstance(model, MlpSize):
            shape, classes = (model.batch, model.widths[0]), model.widths[-1]
        else:
            shape, classes = (model.batch, model.channels[0], model.image, model.image), model.classes
        x = rng.standard_normal(shape).astype(np.float32)
        return {"x": x, "labels": rng.integers(0, classes, model.batch)} if self.optimizer else {"x": x}


_SGD = {"kind": "sgd", "learning_rate": 0.1}
_ADAM = {"kind": "adam", "learning_rate": 1e-3}
_MLP_WIDTHS = (784, 512, 256, 10)

WORKLOADS = (
    Workload(
        "demo block",
        "transformer block 1 x 1, width 4, 2 heads, feed-forward 16; SGD",
        BlockSize(batch=1, sequence=1, embed_dim=4, num_heads=2, ff_dim=16),
        _SGD,
    ),
    Workload(
        "small block",
        "transformer block 8 x 64, width 128, 4 heads, feed-forward 512; SGD",
        BlockSize(batch=8, sequence=64, embed_dim=128, num_heads=4, ff_dim=512),
        _SGD,
    ),
    Workload(
        "mid",
        "4 transformer blocks 8 x 128, width 256, 8 heads, feed-forward 1024; SGD",
        BlockSize(batch=8, sequence=128, embed_dim=256, num_heads=8, ff_dim=1024, layers=4),
        _SGD,
    ),
    Workload("MLP", "MLP 784-512-256-10, batch 128; Adam", MlpSize(batch=128, widths=_MLP_WIDTHS), _ADAM),
    Workload(
        "CNN",
        "CNN 28 x 28: conv 32, pool, conv 64, pool, 128, 10, batch 64; Adam",
        CnnSize(batch=64, image=28, channels=(1, 32, 64), hidden=128, classes=10),
        _ADAM,
    ),
    Workload("MLP, 1 example", "the MLP's answer to 1 example", MlpSize(batch=1, widths=_MLP_WIDTHS), None),
    Workload(
        "block, 1 example",
        "the second block's answer to 1 sequence of 64",
        BlockSize(batch=1, sequence=64, embed_dim=128, num_heads=4, ff_dim=512),
        None,
    ),
)
"""The rows of the tables; the five that train first."""


def workload_named(name: str) -> Workload:
    """The workload of this name.

    Raises:
        ValueError: there is none; the message names those that there are.
    """
    for workload in WORKLOADS:
        if workload.name == name:
            return workload
    known = ", ".join(f'"{workload.name}"' for workload in WORKLOADS)
    raise ValueError(f'there is no workload "{name}"; there are {known}')
