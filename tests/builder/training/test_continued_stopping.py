"""Early stopping in a training that `fit` goes on with: it ends where it would have ended without an interruption."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from asg_builder.client import ConnectionFailed, Session
from asg_builder.training import EarlyStopping
from asg_schema.errors import AsgError
from builder_harness.played_executor import Server

BATCHES = [{"x": [[1, 1]], "n": 0}, {"x": [[2, 2]], "n": 1}]


def stopping(patience: int = 2) -> EarlyStopping:
    """The loss of the played executor falls from step to step: with "max" only the first epoch is the best."""
    return EarlyStopping("loss", mode="max", patience=patience)


def fit(session: Session, early_stopping: EarlyStopping, **options: Any) -> dict[str, list[float]]:
    return session.fit(BATCHES, epochs=9, start_step=0, early_stopping=early_stopping, **options)


def ends_at_step_5(number: int, figures: Mapping[str, float]) -> bool:
    return number == 5


def interrupted(server: Server, session: Session, early_stopping: EarlyStopping, epoch: int) -> dict[str, list[float]]:
    """The figures of the epochs until the connection breaks off in the one after `epoch`."""
    kept: dict[str, list[float]] = {}

    def on_epoch(number: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            kept.setdefault(name, []).append(value)
        if number == epoch:
            server.drop = 1

    with pytest.raises(ConnectionFailed):
        fit(session, early_stopping, on_epoch=on_epoch)
    return kept


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_the_same_object_goes_on(epoch: int) -> None:
    server, watcher = Server(), stopping()
    session = server.session()
    interrupted(server, session, watcher, epoch)
    best = watcher.best_parameters
    fit(session, watcher)
    assert (watcher.stopped_epoch, server.step) == (4, 8), "as without an interruption"
    assert (watcher.best_epoch, watcher.best_parameters) == (1, best)
    assert best is not None
    assert server.requests[-1].url.path.endswith("/parameters"), "the best weights are restored"


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_another_object_goes_on_with_the_figures_that_were_kept(epoch: int) -> None:
    server = Server()
    session = server.session()
    kept = interrupted(server, session, stopping(), epoch)
    watcher = stopping()
    watcher.replay(kept)
    assert watcher.best_value == kept["loss"][0]
    fit(session, watcher)
    assert (watcher.stopped_epoch, server.step) == (4, 8)
    assert (watcher.best_epoch, watcher.best_parameters) == (1, None), "the weights are not known"


def test_without_them_it_begins_anew() -> None:
    server = Server()
    session = server.session()
    interrupted(server, session, stopping(), 2)
    watcher = stopping()
    fit(session, watcher)
    assert (watcher.best_epoch, watcher.stopped_epoch) == (3, 6)


def test_an_epoch_that_was_broken_off_counts_once() -> None:
    """`on_step` ends `fit` with a step of the third epoch, whose figure is seen before it is complete."""
    server, watcher = Server(), stopping()
    session = server.session()
    fit(session, watcher, on_step=ends_at_step_5)
    fit(session, watcher)
    assert (watcher.stopped_epoch, server.step) == (4, 8)
    assert watcher.best_parameters is not None
    server, watcher = Server(), EarlyStopping("loss", patience=0)
    session = server.session()
    fit(session, watcher, on_step=ends_at_step_5)
    assert watcher.best_epoch == 3
    session.fit(BATCHES, epochs=2, start_step=0, early_stopping=watcher)
    assert (watcher.best_epoch, watcher.best_parameters) == (2, None), "the weights of epoch 2 were not kept"


def test_what_ended_stays_at_its_end() -> None:
    server, watcher = Server(), stopping()
    session = server.session()
    fit(session, watcher)
    assert fit(session, watcher) == {}
    assert server.step == 8
    again = stopping()
    again.replay({"loss": [1.0, 0.9, 0.8, 0.7, 5.0]})
    assert (again.stopped_epoch, again.best_value) == (4, 1.0), "what came after its end does not count"
    assert fit(session, again) == {}


def test_another_training_begins_anew() -> None:
    server, watcher = Server(), stopping(1)
    session = server.session()
    fit(session, watcher)
    assert server.step == 6
    session.fit(BATCHES, epochs=9, early_stopping=watcher)
    assert (watcher.best_epoch, watcher.stopped_epoch, server.step) == (1, 3, 12)
    other = Server()
    fit(other.session(), watcher)
    assert (watcher.stopped_epoch, other.step) == (3, 6), "a session of that id elsewhere, at its beginning"


def test_figures_that_are_no_better_or_missing() -> None:
    watcher = EarlyStopping("val_loss", patience=1)
    watcher.replay({"val_loss": [1.0, math.nan]})
    assert (watcher.best_value, watcher.stopped_epoch) == (1.0, None)
    watcher.replay({"val_loss": [1.0, math.nan, np.inf]})
    assert watcher.stopped_epoch == 3
    with pytest.raises(AsgError, match='watches "val_loss", which is not among the figures'):
        watcher.replay({"loss": [1.0]})
