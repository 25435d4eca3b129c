"""Figures of an epoch from those of its batches."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array
from asg_schema.errors import AsgError

__all__ = ["RunningFigures", "RunningMean", "RunningSum"]


class RunningMean:
    """The weighted mean of numbers or of arrays of one shape, in float64.

    A NaN makes the mean NaN, so that a figure that breaks in one batch shows. A value of weight 0 does not enter, even
    if it is NaN, as that of an empty batch may be.

    Attributes:
        weight: the sum of the weights so far.
    """

    def __init__(self) -> None:
        self.weight = 0.0
        self._total: Array | None = None

    def update(self, value: npt.ArrayLike, weight: float = 1.0) -> None:
        """Take another value in.

        Args:
            value: a number, or an array of the shape of those before.
            weight: how much it counts, such as the number of examples that it is a mean over.

        Raises:
            AsgError: the weight is below 0 or not finite, or the value has another shape.
        """
        if not 0 <= weight < math.inf:
            raise AsgError(f"weight is {weight}; a finite number of at least 0 is needed")
        if weight == 0:
            return
        given = np.asarray(value, np.float64)
        _check_shape(self._total, given)
        self._total = given * weight if self._total is None else self._total + given * weight
        self.weight += weight

    def result(self) -> Any:
        """The mean so far: a float, or an array.

        Raises:
            AsgError: no value came yet.
        """
        if self._total is None:
            raise AsgError("there is no mean of no value; update comes first")
        return _plain(self._total / self.weight)


class RunningSum:
    """The sum of counts: of integers, or of arrays of integers of one shape, in int64."""

    def __init__(self) -> None:
        self._total: Array | None = None

    def update(self, value: npt.ArrayLike) -> None:
        """Take another value in.

        Args:
            value: an integer, or an array of integers of the shape of those before.

        Raises:
            AsgError: the value is not of integers, or has another shape.
        """
        given = np.asarray(value)
        if given.dtype.kind not in "iu":
            raise AsgError(f"a value of {given.dtype} is no count; integers are needed")
        _check_shape(self._total, given)
        self._total = given.astype(np.int64) if self._total is None else self._total + given

    def result(self) -> Any:
        """The sum so far: an int, or an array.

        Raises:
            AsgError: no value came yet.
        """
        if self._total is None:
            raise AsgError("there is no sum of no value; update comes first")
        return _plain(self._total)


class RunningFigures:
    """Figures by name over batches: floating-point ones are averaged, and integers, which count something, are added.

    ```python
    figures = RunningFigures()
    for batch in batches:
        figures.update(session.run("validate", batch), weight=len(batch["x"]))
    figures.result()  # {"loss": 0.12, "accuracy": 0.97, "confusion_matrix": array(…)}
    ```

    The mean of a figure that is itself no mean over examples, such as F1, is not that figure of the epoch; see
    `asg_builder.metrics`. For NaN see `RunningMean`.
    """

    def __init__(self) -> None:
        self._running: dict[str, RunningMean | RunningSum] = {}

    def update(self, figures: Mapping[str, npt.ArrayLike], weight: float = 1.0) -> None:
        """Take the figures of another batch in.

        Args:
            figures: numbers or arrays by name; a name that is missing once has its mean over the other batches.
            weight: how much the averaged ones count: the number of the batch's examples.

        Raises:
            AsgError: a figure changed its shape, or was of integers once and then not; or the weight is below 0 or not
                finite.
        """
        for name, value in figures.items():
            array = np.asarray(value)
            counts = array.dtype.kind in "iu"
            running = self._running.setdefault(name, RunningSum() if counts else RunningMean())
            if isinstance(running, RunningSum) is not counts:
                raise AsgError(f'the figure "{name}" is of {array.dtype}, and was of another kind in batches before')
            try:
                if isinstance(running, RunningMean):
                    running.update(array, weight)
                else:
                    running.update(array)
            except AsgError as error:
                raise AsgError(f'the figure "{name}": {error}') from None

    def result(self) -> dict[str, Any]:
        """The figures so far: floats and ints, or arrays. Averaged ones that only had the weight 0 are NaN."""
        return {
            name: math.nan if isinstance(running, RunningMean) and running.weight == 0 else running.result()
            for name, running in self._running.items()
        }


def _check_shape(total: Array | None, given: Array) -> None:
    if total is not None and given.shape != total.shape:
        raise AsgError(f"a value has the shape {list(given.shape)}, and those before have {list(total.shape)}")


def _plain(array: Array) -> Any:
    """A rank-0 array as a Python number, another as a copy."""
    return array.item() if array.ndim == 0 else array.copy()
