"""Early stopping and the best checkpoint, with weights that tell their epoch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from asg_builder.arrays import Array
from asg_builder.training import BestCheckpoint, EarlyStopping
from asg_schema.errors import AsgError


class Weights:
    """What a session has of weights: one number."""

    def __init__(self) -> None:
        self.value = 0.0

    def parameters(self) -> dict[str, Array]:
        return {"w": np.array(self.value)}

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike]) -> None:
        self.value = float(np.asarray(parameters["w"]))

    def save(self, path: str) -> None:
        Path(path).write_text(f"{self.value:.1f}")


def epochs(watcher: Any, values: list[float], weights: Weights, name: str = "val_loss") -> list[bool]:
    """What a watcher says of each epoch; the weights are the number of the epoch."""
    answers: list[bool] = []
    for epoch, value in enumerate(values, 1):
        weights.value = epoch
        answers.append(watcher.update(weights, epoch, {name: value}))
    return answers


@pytest.mark.parametrize(
    ("options", "values", "stopped", "best"),
    [
        ({"patience": 0}, [3, 2, 2], 3, 2),
        ({"patience": 2}, [3, 2, 2.5, 2.1, 2.0], 5, 2),
        ({"patience": 2}, [3, 2, 2.5, 2.1, 1.9, 2, 2], None, 5),
        ({"patience": 1, "mode": "max"}, [1, 2, 3, 2, 2.5], 5, 3),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.5], 3, 1),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.4, 2.3], None, 3),
        ({"patience": 1, "mode": "max", "min_delta": 0.5}, [1, 1.5, 1.6, 2.1], None, 3),
        ({"patience": 1}, [2, math.nan, math.nan], 3, 1),
        ({"patience": 1}, [math.nan, 5, 4], None, 3),
        ({"patience": 1}, [math.nan, math.nan], 2, None),
        ({"patience": 0}, [math.inf, 1, 1], 3, 2),
    ],
)
def test_early_stopping(options: dict[str, Any], values: list[float], stopped: int | None, best: int | None) -> None:
    stopping, weights = EarlyStopping(**options), Weights()
    answers = epochs(stopping, values, weights)
    assert answers == [epoch == stopped for epoch in range(1, len(values) + 1)]
    assert (stopping.stopped_epoch, stopping.best_epoch) == (stopped, best)
    assert stopping.best_value == (None if best is None else values[best - 1])
    stopping.restore(weights)
    assert weights.value == (len(values) if best is None else best)


def test_early_stopping_that_restores_nothing() -> None:
    stopping, weights = EarlyStopping(patience=0, restore_best=False), Weights()
    epochs(stopping, [1, 2], weights)
    stopping.restore(weights)
    assert weights.value == 2


def test_a_reset_forgets() -> None:
    stopping, weights = EarlyStopping(patience=0), Weights()
    epochs(stopping, [1, 2], weights)
    stopping.reset()
    assert (stopping.best_value, stopping.stopped_epoch) == (None, None)
    assert epochs(stopping, [5, 4], weights) == [False, False]


def test_the_best_checkpoint(tmp_path: Path) -> None:
    path, weights = tmp_path / "best", Weights()
    best = BestCheckpoint("val_accuracy", mode="max", path=path)
    with pytest.raises(AsgError, match='no epoch had a value of "val_accuracy" that could be compared'):
        best.restore(weights)
    answers = epochs(best, [math.nan, 0.5, 0.9, 0.9, 0.7], weights, "val_accuracy")
    assert answers == [False, True, True, False, False]
    assert (best.epoch, best.value, float(best.parameters["w"])) == (3, 0.9, 3.0)
    assert path.read_text() == "3.0"
    best.restore(weights)
    assert weights.value == 3
    # It goes on over several trainings.
    assert epochs(best, [0.8, 0.95], weights, "val_accuracy") == [False, True]


@pytest.mark.parametrize("kind", [EarlyStopping, BestCheckpoint])
def test_refusals(kind: Any) -> None:
    name = kind.__name__
    with pytest.raises(AsgError, match=f'^{name}: mode is "less"; "min" or "max" is needed$'):
        kind(mode="less")
    with pytest.raises(AsgError, match=r"min_delta is -0\.1; a finite number of at least 0 is needed"):
        kind(min_delta=-0.1)
    with pytest.raises(AsgError) as caught:
        kind("val_f1").update(Weights(), 1, {"loss": 1.0, "val_loss": 2.0})
    assert str(caught.value) == (
        f'{name} watches "val_f1", which is not among the figures of an epoch: "loss", "val_loss". Figures that begin '
        'with "val_" come from validation data'
    )


def test_a_folder_that_does_not_exist_is_told_before_the_training(tmp_path: Path) -> None:
    best = BestCheckpoint("loss", path=tmp_path / "missing" / "best.safetensors")
    with pytest.raises(AsgError, match=r"BestCheckpoint: path is .*best\.safetensors; there is no folder .*missing$"):
        best.check(["loss"])
    BestCheckpoint("loss", path="best.safetensors").check(["loss"])


def test_patience_below_0() -> None:
    with pytest.raises(AsgError, match="patience is -1; a number of epochs of at least 0 is needed"):
        EarlyStopping(patience=-1)
