"""Train a classifier of handwritten digits by a job: the executor goes on by itself, and this program may end.

    python job_digits.py [--url http://…]

The images are sent once. The executor then takes the steps, validates, keeps the best state, and stops where it gets no
better; this program listens, and would find the job again under its id after a crash of either of them.
"""

from typing import Annotated, Any, cast

import numpy as np
import typer
from rich.console import Console
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client, Job
from asg_builder.data import train_test_split
from asg_builder.training import EarlyStopping
from asg_schema import Document

PIXELS, CLASSES = 64, 10
TEST_IMAGES = 360


def build() -> tuple[Document, Document]:
    """The documents to validate and to train with. Dropout is in the second only."""
    model = nn.Sequential(nn.Linear(PIXELS, 128), nn.GELU(), nn.Dropout(0.3), nn.Linear(128, CLASSES), name="digits")

    def classifier(name: str) -> Document:
        with asg.graph(name) as g:
            scores = model(asg.input("image", ("batch", PIXELS)))
            digit = asg.input("digit", ("batch",), "int64")
            g.output(loss=losses.cross_entropy(scores, digit))
            g.metric(accuracy=metrics.accuracy_from_scores(scores, digit))
        return g.document()

    model.eval()
    validate = classifier("digits-validate")
    model.train()
    return validate, grad(classifier("digits-train"), of="loss")


def load() -> tuple[dict[str, Array], dict[str, Array]]:
    """Images and digits to train with, and to test: float32 [n, 64] in 0 to 1, and int64 [n]."""
    data = cast("Any", load_digits())
    images, digits = (data.data / 16).astype(np.float32), data.target.astype(np.int64)
    parts = train_test_split(images, digits, test_size=TEST_IMAGES, random_state=0, stratify=digits)
    train_images, test_images, train_digits, test_digits = parts
    return {"image": train_images, "digit": train_digits}, {"image": test_images, "digit": test_digits}


def follow(job: Job, console: Console) -> None:
    """Print what the job reports, until its end."""
    for event in job.events():
        if event.type == "report":
            figures = event.content["figures"]
            loss, correct = float(figures["loss"]), float(figures["val_accuracy"])
            console.print(f"Epoch {event.content['epoch']:2d}, loss {loss:.4f}, test accuracy {correct:.1%}")


def main(
    url: Annotated[str | None, typer.Option(help="An executor that runs; absent: one is started.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often to go through the training set at most.")] = 40,
) -> None:
    """Start the job, listen, and report."""
    console = Console(highlight=False, soft_wrap=True)
    train_set, test_set = load()
    validate, train = build()
    with Client(url) if url else Client.local() as client:
        session = client.create_session({"validate": validate, "train": train}, optim.AdamW(2e-3), seed=0)
        job = session.start_job(
            train_set,
            batch_size=64,
            epochs=epochs,
            shuffle_seed=0,
            validation=test_set,
            early_stopping=EarlyStopping("val_loss", patience=4),
            checkpoints={"keep_best": 1, "monitor": "val_accuracy", "mode": "max", "prefix": "digits"},
        )
        console.print(f"job {job.id} at {client.url}")
        follow(job, console)
        history = job.wait()
        (kept,) = job.description["checkpoints"]
        best = max(history["val_accuracy"])
        console.print(f"{len(history['loss'])} epochs, best test accuracy {best:.1%}, kept as {kept}")
        session.delete()


if __name__ == "__main__":
    typer.run(main)
