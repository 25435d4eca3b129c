"""Train a small classifier on scikit-learn's handwritten digits, over HTTP.

    python digits.py [--output-dir DIR] [--url http://…]

It builds a network with two hidden layers, differentiates it as a document, and trains it in mini-batches in a local
executor, or in the one at `--url`. It writes `digits.safetensors`, the weights, and `digits.png`, the curves of loss
and accuracy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client, Session
from asg_schema import Document

PIXELS, CLASSES = 64, 10
HIDDEN = 128
TEST_IMAGES = 360


def build() -> tuple[Document, Document]:
    """The documents to predict and to train with. Dropout is in the second only."""
    model = nn.Sequential(
        nn.Linear(PIXELS, HIDDEN),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(HIDDEN, HIDDEN),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(HIDDEN, CLASSES),
        name="digits",
    )
    with asg.graph("digits-predict") as g:
        scores = model.eval()(asg.input("image", ("batch", PIXELS)))
        g.output(digit=asg.argmax(scores, -1), probability=asg.softmax(scores))
    predict = g.document()
    with asg.graph("digits-train") as g:
        scores = model.train()(asg.input("image", ("batch", PIXELS)))
        g.output(loss=losses.cross_entropy(scores, asg.input("digit", ("batch",), "int64")))
    return predict, grad(g.document(), of="loss")


def load() -> tuple[Array, Array, Array, Array]:
    """Images and digits to train with, and to test: float32 [n, 64] in 0 to 1, and int64 [n]."""
    data = cast("Any", load_digits())
    order = np.random.default_rng(0).permutation(len(data.target))
    images, digits = (data.data[order] / 16).astype(np.float32), data.target[order].astype(np.int64)
    return images[TEST_IMAGES:], digits[TEST_IMAGES:], images[:TEST_IMAGES], digits[:TEST_IMAGES]


class Batches:
    """Mini-batches of a data set, in another order each time that they are iterated."""

    def __init__(self, images: Array, digits: Array, size: int, seed: int) -> None:
        self.images, self.digits, self.size = images, digits, size
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images) // self.size

    def __iter__(self) -> Iterator[dict[str, Array]]:
        order = self.rng.permutation(len(self.images))[: len(self) * self.size]
        for chosen in order.reshape(-1, self.size):
            yield {"image": self.images[chosen], "digit": self.digits[chosen]}


def accuracy(session: Session, images: Array, digits: Array) -> float:
    """The share of images that the session recognises."""
    found = session.run("predict", image=images, outputs=["digit"])["digit"]
    return float((found == digits).mean())


def draw(path: Path, loss: list[float], correct: list[float]) -> None:
    """Draw both curves over the epochs."""
    epochs = range(1, len(loss) + 1)
    figure = cast("Any", Figure(figsize=(7, 4), layout="constrained"))
    left = figure.subplots()
    left.plot(epochs, loss, color="tab:blue")
    left.set(xlabel="epoch", ylabel="training loss (cross-entropy)", yscale="log", title="Handwritten digits")
    left.yaxis.label.set_color("tab:blue")
    right = left.twinx()
    right.plot(epochs, [100 * share for share in correct], color="tab:orange")
    right.set(ylabel="test accuracy (%)")
    right.yaxis.label.set_color("tab:orange")
    figure.savefig(path, dpi=150)


def main(
    output_dir: Annotated[Path, typer.Option(help="Where the two files go.")] = Path(),
    url: Annotated[str | None, typer.Option(help="An executor that runs; absent: one is started.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often to go through the training set.")] = 40,
) -> None:
    """Train, report, and write the weights and the curves."""
    console = Console(highlight=False)
    train_x, train_y, test_x, test_y = load()
    predict, train = build()
    with Client(url) if url else Client.local() as client:
        console.print(f"{len(train_x)} images to train with, {len(test_x)} to test; executor at {client.url}")
        session = client.create_session({"predict": predict, "train": train}, optim.AdamW(2e-3), seed=0)
        correct: list[float] = []

        def report(epoch: int, loss: float) -> None:
            correct.append(accuracy(session, test_x, test_y))
            console.print(f"Epoch {epoch:2d}, loss {loss:.4f}, test accuracy {correct[-1]:.1%}")

        loss = session.fit(Batches(train_x, train_y, size=64, seed=0), epochs=epochs, on_epoch=report, console=console)
        output_dir.mkdir(parents=True, exist_ok=True)
        session.save(output_dir / "digits.safetensors")
        session.delete()
    draw(output_dir / "digits.png", loss, correct)
    console.print(f"Test accuracy {correct[-1]:.1%}; wrote digits.safetensors and digits.png to {output_dir.resolve()}")


if __name__ == "__main__":
    typer.run(main)
