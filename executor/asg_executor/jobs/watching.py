"""What of a job's figures decides how it goes on: early stopping, and which checkpoints are kept."""

import math
from collections.abc import Mapping

from asg_executor.jobs.job_settings import CheckpointPolicy, EarlyStopping, Mode

__all__ = ["BestFigure", "KeptCheckpoints"]


class BestFigure:
    """The best value so far of a figure, and how often in a row it was no better. NaN is never better.

    Args:
        settings: which figure, and what is better.

    Attributes:
        value: the best value; None before there is one.
        position: after how many steps of the job it was found.
        without: how many values in a row were no better.
    """

    def __init__(self, settings: EarlyStopping) -> None:
        self.settings = settings
        self.value: float | None = None
        self.position: int | None = None
        self.without = 0

    def is_better(self, figures: Mapping[str, float]) -> bool:
        """Whether a report is the best so far; False where it has no such figure."""
        value = figures.get(self.settings.monitor)
        if value is None or math.isnan(value):
            return False
        if self.value is None:
            return True
        delta = self.settings.min_delta
        return value < self.value - delta if self.settings.mode == "min" else value > self.value + delta

    def update(self, position: int, figures: Mapping[str, float]) -> None:
        """Look at a report; one without the figure changes nothing.

        Args:
            position: after how many steps of the job it is.
            figures: its figures.
        """
        if self.settings.monitor not in figures:
            return
        if self.is_better(figures):
            self.value, self.position, self.without = figures[self.settings.monitor], position, 0
        else:
            self.without += 1

    @property
    def ends(self) -> bool:
        """Whether the training ends."""
        return self.without > self.settings.patience


class KeptCheckpoints:
    """Which of a job's checkpoints are kept.

    Args:
        policy: what was asked for; None where the job makes none by itself.

    Attributes:
        made: the names of all that were made.
    """

    def __init__(self, policy: CheckpointPolicy | None) -> None:
        self._policy = policy
        self.made: set[str] = set()
        self._newest: list[str] = []
        self._best: list[tuple[float, str]] = []
        self.best_figure: str | None = None

    def add(self, name: str, value: float | None, *, asked: bool, improved: bool) -> None:
        """Take in another checkpoint.

        Args:
            name: its name.
            value: the figure that `keep_best` compares; None where the report has none.
            asked: whether the policy asks for it.
            improved: whether early stopping found its report to be the best.
        """
        self.made.add(name)
        if improved:
            self.best_figure = name
        policy = self._policy
        if policy is None or not asked:
            return
        self._newest.append(name)
        if policy.keep_last is not None:
            del self._newest[: -policy.keep_last]
        elif policy.keep_best is not None:
            self._newest.clear()
        if policy.keep_best is not None and value is not None and not math.isnan(value):
            self._best.append((_cost(value, policy.mode), name))
            self._best.sort(key=lambda item: item[0])  # stable: the older one stays
            del self._best[policy.keep_best :]

    def kept(self, *, finished: bool = False) -> set[str]:
        """The names of those that stay.

        Args:
            finished: whether the job is at its end, so that the parameters of the best figure are no more needed.
        """
        names = {*self._newest, *(name for _, name in self._best)}
        if not finished and self.best_figure is not None:
            names.add(self.best_figure)
        return names


def _cost(value: float, mode: Mode) -> float:
    return value if mode == "min" else -value
