"""The programs that are timed, as forward documents with a batch of data."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import asg_builder as asg
from asg_builder import losses, nn
from asg_schema.document import Document

__all__ = ["WORKLOADS", "BlockSize", "CnnSize", "Workload"]


@dataclass(frozen=True)
class BlockSize:
    """The extents of a transformer block and its batch."""

    batch: int
    sequence: int
    embed_dim: int
    num_heads: int
    ff_dim: int


@dataclass(frozen=True)
class CnnSize:
    """The extents of two convolutions, each with relu and a maximum over 2 by 2, and of two affine maps behind them."""

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
    """A training step: a model with its loss, an optimizer, and a batch."""

    name: str
    build: Callable[[], Document]
    optimizer: Mapping[str, Any]
    batch: Mapping[str, np.ndarray[Any, Any]]
    block: BlockSize | None = None
    widths: tuple[int, ...] = ()
    cnn: CnnSize | None = None


def _block(name: str, size: BlockSize) -> Workload:
    rng = np.random.default_rng(0)
    shape = (size.batch, size.sequence, size.embed_dim)

    def build() -> Document:
        with asg.graph("block") as g:
            x = asg.input("x", ("batch", "sequence", size.embed_dim))
            target = asg.input("target", ("batch", "sequence", size.embed_dim))
            y = nn.TransformerBlock(size.embed_dim, size.num_heads, size.ff_dim)(x)
            g.output(loss=losses.mse(y, target))
        return g.document()

    batch = {key: rng.standard_normal(shape).astype(np.float32) for key in ("x", "target")}
    return Workload(name, build, {"kind": "sgd", "learning_rate": 1e-3}, batch, block=size)


def _mlp(name: str, widths: tuple[int, ...], batch_size: int) -> Workload:
    rng = np.random.default_rng(0)

    def build() -> Document:
        with asg.graph("mlp") as g:
            x = asg.input("x", ("batch", widths[0]))
            labels = asg.input("labels", ("batch",), dtype="int64")
            layers: list[nn.Module] = []
            for index, (in_features, out_features) in enumerate(itertools.pairwise(widths)):
                if index:
                    layers.append(nn.ReLU())
                layers.append(nn.Linear(in_features, out_features))
            g.output(loss=losses.cross_entropy(nn.Sequential(*layers)(x), labels))
        return g.document()

    batch = {
        "x": rng.standard_normal((batch_size, widths[0])).astype(np.float32),
        "labels": rng.integers(0, widths[-1], batch_size),
    }
    return Workload(name, build, {"kind": "adam", "learning_rate": 1e-3}, batch, widths=widths)


def _cnn(name: str, size: CnnSize, batch_size: int) -> Workload:
    rng = np.random.default_rng(0)
    inputs, first, second = size.channels

    def build() -> Document:
        with asg.graph("cnn") as g:
            x = asg.input("x", ("batch", inputs, size.image, size.image))
            labels = asg.input("labels", ("batch",), dtype="int64")
            model = nn.Sequential(
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
            g.output(loss=losses.cross_entropy(model(x), labels))
        return g.document()

    batch = {
        "x": rng.standard_normal((batch_size, inputs, size.image, size.image)).astype(np.float32),
        "labels": rng.integers(0, size.classes, batch_size),
    }
    return Workload(name, build, {"kind": "adam", "learning_rate": 1e-3}, batch, cnn=size)


WORKLOADS = (
    _block("demo block", BlockSize(batch=1, sequence=1, embed_dim=4, num_heads=2, ff_dim=16)),
    _block("small block", BlockSize(batch=8, sequence=64, embed_dim=128, num_heads=4, ff_dim=512)),
    _mlp("MLP", (784, 512, 256, 10), batch_size=128),
    _cnn("CNN", CnnSize(image=28, channels=(1, 32, 64), hidden=128, classes=10), batch_size=64),
)
