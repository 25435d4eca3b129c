"""Train a small classifier on scikit-learn's handwritten digits, over HTTP.

    python digits.py [--output-dir DIR] [--url http://…]

It builds a network with two hidden layers, differentiates it as a document, and trains it in mini-batches in a local
executor, or in the one at `--url`. It writes `digits.safetensors`, the weights, and `digits.png`, the curves of loss
and accuracy.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client
from asg_builder.data import Batches, train_test_split
from asg_schema import Document

PIXELS, CLASSES = 64, 10
HIDDEN = 128
TEST_IMAGES = 360


def build() -> tuple[Document, Document]:
    """The documents to validate and to train with. Dropout is in the second only."""
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
    with asg.graph("digits-validate") as g:
        scores = model.eval()(asg.input("image", ("batch", PIXELS)))
        digit = asg.input("digit", ("batch",), "int64")
        g.output(loss=losses.cross_entropy(scores, digit), probability=asg.softmax(scores))
        g.metric(accuracy=metrics.accuracy_from_scores(scores, digit))
    validate = g.document()
    with asg.graph("digits-train") as g:
        scores = model.train()(asg.input("image", ("batch", PIXELS)))
        g.output(loss=losses.cross_entropy(scores, asg.input("digit", ("batch",), "int64")))
    return validate, grad(g.document(), of="loss")


def load() -> tuple[dict[str, Array], dict[str, Array]]:
    """Images and digits to train with, and to test: float32 [n, 64] in 0 to 1, and int64 [n]."""
    data = cast("Any", load_digits())
    images, digits = (data.data / 16).astype(np.float32), data.target.astype(np.int64)
    parts = train_test_split(images, digits, test_size=TEST_IMAGES, random_state=0, stratify=digits)
    train_images, test_images, train_digits, test_digits = parts
    return {"image": train_images, "digit": train_digits}, {"image": test_images, "digit": test_digits}


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
    console = Console(highlight=False, soft_wrap=True)
    train_set, test_set = load()
    validate, train = build()
    with Client(url) if url else Client.local() as client:
        counts = [len(part["digit"]) for part in (train_set, test_set)]
        console.print(f"{counts[0]} images to train with, {counts[1]} to test; executor at {client.url}")
        session = client.create_session({"validate": validate, "train": train}, optim.AdamW(2e-3), seed=0)

        def report(epoch: int, figures: Mapping[str, float]) -> None:
            loss, correct = figures["loss"], figures["val_accuracy"]
            console.print(f"Epoch {epoch:2d}, loss {loss:.4f}, test accuracy {correct:.1%}")

        history = session.fit(
            Batches(train_set, 64, shuffle=True, seed=0, drop_last=True),
            epochs=epochs,
            validation=[test_set],
            on_epoch=report,
            console=console,
        )
        output_dir.mkdir(parents=True, exist_ok=True)
        session.save(output_dir / "digits.safetensors")
        session.delete()
    correct = history["val_accuracy"]
    draw(output_dir / "digits.png", history["loss"], correct)
    console.print(f"Test accuracy {correct[-1]:.1%}; wrote digits.safetensors and digits.png to {output_dir.resolve()}")


if __name__ == "__main__":
    typer.run(main)
