"""`Session.fit` and `Session.evaluate` against loops of one's own, on a real server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import sklearn.metrics as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client, Session
from asg_builder.data import Batches
from asg_builder.training import BestCheckpoint, EarlyStopping
from asg_schema.errors import AsgError

sklearn: Any = reference
FEATURES, CLASSES = 4, 3
RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, FEATURES)).astype(np.float32)
Y = (X @ RNG.standard_normal((FEATURES, CLASSES))).argmax(1)
TRAIN, TEST = {"x": X[:50], "y": Y[:50]}, {"x": X[50:], "y": Y[50:]}


def build(*, gradient: bool) -> asg.Document:
    with asg.graph("classifier") as g:
        x, y = asg.input("x", ("batch", FEATURES)), asg.input("y", ("batch",), "int64")
        scores = nn.Linear(FEATURES, CLASSES, name="linear")(x)
        g.output(loss=losses.cross_entropy(scores, y), scores=scores)
        g.metric(accuracy=metrics.accuracy_from_scores(scores, y))
        g.metric(confusion=metrics.confusion_matrix(asg.argmax(scores, -1), y, num_classes=CLASSES))
    return grad(g.document(), of="loss") if gradient else g.document()


def new_session(client: Client, learning_rate: float = 0.5) -> Session:
    graphs = {"train": build(gradient=True), "validate": build(gradient=False)}
    return client.create_session(graphs, optim.SGD(learning_rate), seed=0)


def predicted(session: Session, data: Mapping[str, Array]) -> tuple[Array, float]:
    """The classes that a session predicts, and the mean loss, computed from its weights."""
    weights = session.parameters()
    scores = data["x"].astype(np.float64) @ weights["linear.weight"].T + weights["linear.bias"]
    shifted = scores - scores.max(1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return scores.argmax(1), -float(log_probabilities[np.arange(len(scores)), data["y"]].mean())


def test_figures_of_a_data_set_do_not_depend_on_its_batches(client: Client) -> None:
    session = new_session(client)
    classes, loss = predicted(session, TEST)
    for size in (20, 7, 1):
        figures = session.evaluate(Batches(TEST, size))
        assert list(figures) == ["loss", "accuracy", "confusion"]
        np.testing.assert_allclose(figures["loss"], loss, rtol=1e-5)
        np.testing.assert_allclose(figures["accuracy"], sklearn.accuracy_score(TEST["y"], classes), rtol=1e-6)
        expected = sklearn.confusion_matrix(TEST["y"], classes, labels=range(CLASSES))
        np.testing.assert_array_equal(figures["confusion"], expected)
        report = metrics.classification_report(figures["confusion"])
        f1 = sklearn.f1_score(TEST["y"], classes, average="macro", zero_division=0)
        np.testing.assert_allclose(report.macro_f1_score, f1, rtol=1e-12)
    assert session.number == 0
    assert list(session.evaluate([TEST], outputs=["loss"])) == ["loss"]
    assert list(session.evaluate([TEST], "train")) == ["loss", "accuracy", "confusion"]


def test_the_history_is_that_of_a_loop(client: Client) -> None:
    by_hand, session = new_session(client), new_session(client)
    expected: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    batches = Batches(TRAIN, 16, shuffle=True, seed=1)
    for _ in range(3):
        steps = [(len(batch["y"]), by_hand.step(batch)) for batch in batches]
        for name in ("loss", "accuracy"):
            expected[name].append(sum(size * float(step[name]) for size, step in steps) / 50)
        classes, loss = predicted(by_hand, TEST)
        expected["val_loss"].append(loss)
        expected["val_accuracy"].append(float((classes == TEST["y"]).mean()))
    seen: list[tuple[int, dict[str, float]]] = []
    history = session.fit(
        Batches(TRAIN, 16, shuffle=True, seed=1),
        epochs=3,
        validation=Batches(TEST, 6),
        on_epoch=lambda epoch, figures: seen.append((epoch, dict(figures))),
    )
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    assert seen == [(epoch + 1, {name: history[name][epoch] for name in history}) for epoch in range(3)]
    assert session.number == by_hand.number == 3 * 4


def test_early_stopping_restores_the_weights_of_the_best_epoch(client: Client, tmp_path: Path) -> None:
    # A step this large overshoots, so that the validation loss is soon at its best.
    session = new_session(client, learning_rate=80.0)
    stopping = EarlyStopping(patience=3)
    best = BestCheckpoint(path=tmp_path / "best.safetensors")
    weights: list[dict[str, Array]] = []
    history = session.fit(
        [TRAIN],
        epochs=60,
        validation=[TEST],
        early_stopping=stopping,
        checkpoint=best,
        on_epoch=lambda epoch, figures: weights.append(session.parameters()),
    )
    chosen = int(np.argmin(history["val_loss"]))
    assert stopping.stopped_epoch == len(history["val_loss"]) == chosen + 5
    assert stopping.best_epoch == best.epoch == chosen + 1
    for name, value in session.parameters().items():
        np.testing.assert_array_equal(value, weights[chosen][name])
        np.testing.assert_array_equal(best.parameters[name], value)
        assert not np.array_equal(value, weights[-1][name])
    stored = safetensors.numpy.load((tmp_path / "best.safetensors").read_bytes())
    np.testing.assert_array_equal(stored["linear.weight"], weights[chosen]["linear.weight"])
    np.testing.assert_allclose(session.evaluate([TEST])["loss"], min(history["val_loss"]), rtol=1e-6)


def test_a_training_ends_where_it_is_told_to(client: Client) -> None:
    session = new_session(client)
    history = session.fit([TRAIN], epochs=50, on_epoch=lambda epoch, figures: epoch == 4)
    assert len(history["loss"]) == session.number == 4


def test_what_cannot_be_watched_is_said_before_the_first_step(client: Client) -> None:
    session = new_session(client)
    with pytest.raises(AsgError, match=r'EarlyStopping watches "val_loss", .*: "loss", "accuracy", "confusion"\.'):
        session.fit([TRAIN], early_stopping=EarlyStopping())
    with pytest.raises(AsgError, match='BestCheckpoint watches "f1"'):
        session.fit([TRAIN], checkpoint=BestCheckpoint("f1"))
    with pytest.raises(AsgError, match='the session has no graph "other"; it has '):
        session.fit([TRAIN], validation=[TEST], validation_graph="other")
    with pytest.raises(AsgError, match='there is no batch to run the graph "validate" on'):
        session.evaluate([])
    pairs: Any = [(TEST["x"], TEST["y"])]
    with pytest.raises(AsgError, match="a batch is a tuple; a mapping of the inputs' names to their data is needed"):
        session.evaluate(pairs)
    assert session.number == 0


def test_a_graph_without_figures(client: Client) -> None:
    with asg.graph("plain") as g:
        x = asg.input("x", ("batch", FEATURES))
        g.output(scores=nn.Linear(FEATURES, CLASSES, name="linear")(x))
    graphs = {"train": build(gradient=True), "validate": g.document()}
    session = client.create_session(graphs, optim.SGD(0.1), seed=0)
    with pytest.raises(AsgError, match='the graph "validate" has neither an output "loss" nor a metric; name the'):
        session.evaluate([{"x": X}])
    with pytest.raises(AsgError, match='"validate" has neither an output "loss" nor a metric to be validated with'):
        session.fit([TRAIN], validation=[{"x": X}])
