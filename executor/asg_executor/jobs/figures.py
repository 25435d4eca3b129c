"""Figures of an epoch from those of its batches, and their JSON forms.

Floats are averaged in float64, weighted by the numbers of rows; integers, which count something, are added in int64: in
the order of the batches, so that whoever does the same has the same bits.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from asg_executor.plan.arrays import Array

__all__ = ["RunningFigures", "figure_json", "numbers_of"]


class _Total(NamedTuple):
    value: Array
    counts: bool


class RunningFigures:
    """Figures by name over batches. It does not change; `updated` gives another.

    Args:
        weight: how many rows there were.
        totals: the sums so far, by name.
    """

    def __init__(self, weight: int = 0, totals: Mapping[str, _Total] | None = None) -> None:
        self._weight = weight
        self._totals = dict(totals or {})

    def updated(self, figures: Mapping[str, Array], weight: int) -> Self:
        """These, with the figures of another batch.

        Args:
            figures: arrays of float or integer dtypes, of the same names and shapes each time.
            weight: how many rows the batch has.
        """
        totals: dict[str, _Total] = {}
        for name, array in figures.items():
            counts = array.dtype.kind in "iu"
            own = array.astype(np.int64) if counts else array.astype(np.float64) * weight
            before = self._totals.get(name)
            totals[name] = _Total(own if before is None else before.value + own, counts)
        return type(self)(self._weight + weight, totals)

    def result(self) -> dict[str, Array]:
        """The figures so far: float64 for means, int64 for sums."""
        return {
            name: np.asarray(total.value if total.counts else total.value / self._weight)
            for name, total in self._totals.items()
        }

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes the same of; only of figures that are single numbers."""
        totals = {name: [figure_json(total.value.item()), total.counts] for name, total in self._totals.items()}
        return {"weight": self._weight, "totals": totals}

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> Self:
        """The figures that `to_json` wrote."""
        totals = {
            name: _Total(np.asarray(value if counts else float(value), np.int64 if counts else np.float64), counts)
            for name, (value, counts) in source["totals"].items()
        }
        return cls(source["weight"], totals)


def figure_json(value: float) -> float | str:
    """A number as JSON; "nan", "inf" and "-inf" are texts. Reading it gives the same bits."""
    return value if isinstance(value, int) or math.isfinite(value) else str(value)


def numbers_of(figures: Mapping[str, Any]) -> dict[str, float]:
    """Figures that `figure_json` wrote, as numbers."""
    return {name: float(value) for name, value in figures.items()}
