"""The best value so far of a figure that is watched."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, TypeAlias

import numpy.typing as npt

from asg_builder.arrays import Array
from asg_schema.errors import AsgError

__all__ = ["BestValue", "HoldsParameters", "Mode"]

Mode: TypeAlias = Literal["min", "max"]
"""Whether less of a figure is better, or more."""


class HoldsParameters(Protocol):
    """What has weights that can be read, replaced and written to a file, such as a `Session`."""

    def parameters(self) -> dict[str, Array]:
        """The parameters by name."""
        ...

    def set_parameters(self, parameters: Mapping[str, npt.ArrayLike], /) -> None:
        """Replace the parameters of these names."""
        ...

    def save(self, path: str, /) -> None:
        """Write the parameters to a safetensors file."""
        ...


class BestValue:
    """The best value so far of one of the figures of an epoch. NaN is never better than anything.

    Args:
        monitor: the name of the figure.
        mode: "min" where less is better, "max" where more is.
        min_delta: by how much a value has to be better than the best, at least 0.
        owner: who watches, for errors.

    Attributes:
        value: the best value; None before there is one.
        epoch: the epoch that had it.

    Raises:
        AsgError: `mode` is neither, or `min_delta` is below 0 or not finite.
    """

    def __init__(self, monitor: str, mode: Mode, min_delta: float, owner: str) -> None:
        if mode not in ("min", "max"):
            raise AsgError(f'{owner}: mode is "{mode}"; "min" or "max" is needed')
        if not 0 <= min_delta < math.inf:
            raise AsgError(f"{owner}: min_delta is {min_delta}; a finite number of at least 0 is needed")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self.owner = owner
        self.value: float | None = None
        self.epoch: int | None = None

    def check(self, names: Iterable[str]) -> None:
        """Refuse figures among which the one that is watched is missing.

        Raises:
            AsgError: naming those that there are.
        """
        known = list(names)
        if self.monitor not in known:
            listed = ", ".join(f'"{name}"' for name in known) or "none"
            raise AsgError(
                f'{self.owner} watches "{self.monitor}", which is not among the figures of an epoch: {listed}. '
                'Figures that begin with "val_" come from validation data'
            )

    def update(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Whether an epoch is the best so far; it is kept if so.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        self.check(figures)
        value = figures[self.monitor]
        if math.isnan(value) or (self.value is not None and not self._is_better(value, self.value)):
            return False
        self.value, self.epoch = value, epoch
        return True

    def _is_better(self, value: float, best: float) -> bool:
        return value < best - self.min_delta if self.mode == "min" else value > best + self.min_delta
