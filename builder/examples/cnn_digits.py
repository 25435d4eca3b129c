"""Train a convolutional network on scikit-learn's handwritten digits, 8 by 8 pixels each.

    python cnn_digits.py [--epochs N] [--url http://…]

Three convolutions, each followed by a batch normalisation. While it trains it normalises by the statistics of each
batch and keeps running ones, as state of the session; where it predicts it uses those. So the two graphs differ, and
share their weights and statistics by name.

It recognises more than 99 % of the digits that it was not trained with, after about ten seconds.
"""

from collections.abc import Mapping
from typing import Annotated, Any, cast

import numpy as np
import typer
from rich.console import Console
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client
from asg_builder.data import Batches, train_test_split
from asg_schema import Document

SIZE, CLASSES = 8, 10
TEST_IMAGES = 360


def convolution(channels: int, filters: int) -> nn.Sequential:
    """A convolution that keeps the size, normalised and rectified. The normalisation has a bias of its own."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, padding="same", bias=False), nn.BatchNorm2d(filters), nn.ReLU()
    )


def graph(name: str, model: nn.Module) -> Document:
    """The probabilities of the digits, the loss and the accuracy, of a model as it stands: training or evaluating."""
    with asg.graph(name) as g:
        scores = model(asg.input("image", ("batch", 1, SIZE, SIZE)))
        digit = asg.input("digit", ("batch",), "int64")
        g.output(probability=asg.softmax(scores), loss=losses.cross_entropy(scores, digit))
        g.metric(accuracy=metrics.accuracy_from_scores(scores, digit))
    return g.document()


def build() -> tuple[Document, Document]:
    """The documents to validate and to train with."""
    model = nn.Sequential(
        convolution(1, 16),
        convolution(16, 32),
        nn.MaxPool2d(2),
        convolution(32, 64),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * (SIZE // 4) ** 2, CLASSES),
        name="cnn",
    )
    return graph("cnn-validate", model.eval()), grad(graph("cnn-train", model.train()), of="loss")


def load() -> tuple[dict[str, Array], dict[str, Array]]:
    """Images and digits to train with, and to test: float32 [n, 1, 8, 8] in 0 to 1, and int64 [n]."""
    data = cast("Any", load_digits())
    images, digits = (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64)
    parts = train_test_split(images, digits, test_size=TEST_IMAGES, random_state=0, stratify=digits)
    train_images, test_images, train_digits, test_digits = parts
    return {"image": train_images, "digit": train_digits}, {"image": test_images, "digit": test_digits}


def main(
    url: Annotated[str | None, typer.Option(help="An executor that runs; absent: one is started.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often to go through the training set.")] = 20,
) -> None:
    """Train and report."""
    console = Console(highlight=False)
    train_set, test_set = load()
    validate, train = build()
    with Client(url) if url else Client.local() as client:
        counts = [len(part["digit"]) for part in (train_set, test_set)]
        console.print(f"{counts[0]} images to train with, {counts[1]} to test; executor at {client.url}")
        batches = Batches(train_set, 64, shuffle=True, seed=0, drop_last=True)
        rate = optim.schedules.CosineAnnealingLR(3e-3, T_max=epochs * len(batches))
        session = client.create_session({"validate": validate, "train": train}, optim.AdamW(rate), seed=0)

        def report(epoch: int, figures: Mapping[str, float]) -> None:
            loss, correct = figures["loss"], figures["val_accuracy"]
            console.print(f"Epoch {epoch:2d}, loss {loss:.4f}, test accuracy {correct:.1%}")

        history = session.fit(batches, epochs=epochs, validation=[test_set], on_epoch=report, console=console)
        session.delete()
    console.print(f"Test accuracy {history['val_accuracy'][-1]:.1%}")


if __name__ == "__main__":
    typer.run(main)
