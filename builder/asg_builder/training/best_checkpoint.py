"""`BestCheckpoint`: the weights of the epoch that was the best."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from asg_builder.arrays import Array
from asg_builder.training.watching import BestValue, HoldsParameters, Mode
from asg_schema.errors import AsgError

__all__ = ["BestCheckpoint"]


class BestCheckpoint:
    """Keeps the weights of the epoch in which a figure was best, in memory and, with a path, in a file.

    ```python
    best = BestCheckpoint("val_accuracy", mode="max", path="best.safetensors")
    session.fit(batches, epochs=50, validation=validation, checkpoint=best)
    best.restore(session)
    ```

    The weights are all parameters, running statistics among them; the optimizer's state is not kept. One object can go
    through several calls of `fit`, and keeps the best of all.

    Args:
        monitor: the name of the figure; "val_" before the name of one of the validation data.
        mode: "min" where less is better, "max" where more is.
        min_delta: by how much a value has to be better than the best, at least 0.
        path: a safetensors file, written whole or not at all, and anew for each epoch that is better.

    Raises:
        AsgError: `mode` is neither, or `min_delta` is below 0 or not finite.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        mode: Mode = "min",
        min_delta: float = 0.0,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._best = BestValue(monitor, mode, min_delta, "BestCheckpoint")
        self._parameters: dict[str, Array] | None = None
        self.path = None if path is None else os.fspath(path)

    @property
    def value(self) -> float | None:
        """The best value so far; None before there is one."""
        return self._best.value

    @property
    def epoch(self) -> int | None:
        """The epoch that had it, counted from 1 in each call of `fit`."""
        return self._best.epoch

    @property
    def parameters(self) -> dict[str, Array]:
        """The weights of that epoch, by name.

        Raises:
            AsgError: there was no epoch yet, or the figure was NaN in all.
        """
        if self._parameters is None:
            raise AsgError(f'BestCheckpoint: no epoch had a value of "{self._best.monitor}" that could be compared')
        return self._parameters

    def check(self, names: Iterable[str]) -> None:
        """Refuse figures among which the one that is watched is missing, and a file in a folder that does not exist.

        Raises:
            AsgError: naming those that there are, or the folder.
        """
        self._best.check(names)
        if self.path is not None and not Path(self.path).parent.is_dir():
            raise AsgError(f"BestCheckpoint: path is {self.path}; there is no folder {Path(self.path).parent}")

    def update(self, session: HoldsParameters, epoch: int, figures: Mapping[str, float]) -> bool:
        """Keep the session's weights if the epoch is the best so far.

        Args:
            session: what was trained.
            epoch: the number of the epoch.
            figures: its figures by name.

        Returns:
            Whether it is.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        if not self.is_best(epoch, figures):
            return False
        self.keep(session.parameters())
        if self.path is not None:
            session.save(self.path)
        return True

    def is_best(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Whether an epoch is the best so far; its weights are to be given to `keep` then.

        Args:
            epoch: the number of the epoch.
            figures: its figures by name.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        return self._best.update(epoch, figures)

    def keep(self, parameters: dict[str, Array]) -> None:
        """Keep the weights of the best epoch in memory."""
        self._parameters = parameters

    def restore(self, session: HoldsParameters) -> None:
        """Give the session the weights that were kept.

        Raises:
            AsgError: there are none.
        """
        session.set_parameters(self.parameters)
