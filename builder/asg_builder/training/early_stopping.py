"""`EarlyStopping`: the end of a training that does not get better any more."""

from collections.abc import Iterable, Mapping, Sequence

from asg_builder.arrays import Array
from asg_builder.training.watching import BestValue, HoldsParameters, Mode
from asg_schema.errors import AsgError

__all__ = ["EarlyStopping"]

_REPLAYED = object()


class EarlyStopping:
    """Ends a training after a number of epochs in which a figure was no better than before.

    ```python
    session.fit(batches, epochs=200, validation=validation, early_stopping=EarlyStopping(patience=5))
    ```

    An epoch whose figure is NaN counts as one that is no better. Each training begins anew; one that `fit` goes on
    with, by `start_step`, goes on with the best value, the best weights and the epochs that were no better, where this
    object watched it before. For an object of another program `replay` has them again, but for the weights.

    Args:
        monitor: the name of the figure; "val_" before the name of one of the validation data.
        mode: "min" where less is better, "max" where more is.
        patience: how many epochs in a row may be no better than the best; with the next one it ends. At least 0.
        min_delta: by how much an epoch has to be better than the best to count as such, at least 0.
        restore_best: whether the session gets the weights of the best epoch back at the end, also where all epochs were
            run. They are kept in memory; the optimizer's state stays as it is.

    Attributes:
        stopped_epoch: the epoch after which it ended; None if it did not.

    Raises:
        AsgError: `mode` is neither, or `patience` or `min_delta` is below 0.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        mode: Mode = "min",
        patience: int = 3,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        if patience < 0:
            raise AsgError(f"EarlyStopping: patience is {patience}; a number of epochs of at least 0 is needed")
        self.monitor = monitor
        self.mode: Mode = mode
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best = restore_best
        self.reset()

    def reset(self) -> None:
        """Forget all epochs."""
        self._best = BestValue(self.monitor, self.mode, self.min_delta, "EarlyStopping")
        self._parameters: dict[str, Array] | None = None
        self._epochs_without = 0
        self._seen: list[float] = []
        self._training: object = None
        self.stopped_epoch: int | None = None

    def replay(self, history: Mapping[str, Sequence[float]]) -> None:
        """Know the epochs of a training that was interrupted, for the `fit` that goes on with it by `start_step`.

        The weights of the best of them are not known: they are restored only where a later epoch is better.

        Args:
            history: the figures of each epoch, from the first on: what an `on_epoch` kept, or `Job.history` returns.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        self.check(history)
        self._look_again(history[self.monitor])
        self._training = _REPLAYED

    def _look_again(self, values: Sequence[float]) -> None:
        self.reset()
        for epoch, value in enumerate(values, 1):
            if not self.is_best(epoch, {self.monitor: value}) and self.ends(epoch):
                return

    def begin(self, training: object, epochs: int) -> None:
        """Go on with a training, if it is the one that was watched or replayed; else begin anew.

        Args:
            training: what tells it from others: its session, and the step at which it began.
            epochs: how many of its epochs are complete.
        """
        if self._training not in (training, _REPLAYED):
            self.reset()
        elif len(self._seen) > epochs:  # the last one was broken off, and is taken again
            best, kept = self.best_epoch, self._parameters
            self._look_again(self._seen[:epochs])
            self._parameters = kept if best == self.best_epoch else None
        self._training = training

    @property
    def best_value(self) -> float | None:
        """The best value so far; None before there is one."""
        return self._best.value

    @property
    def best_epoch(self) -> int | None:
        """The epoch that had it."""
        return self._best.epoch

    @property
    def best_parameters(self) -> dict[str, Array] | None:
        """The weights of the best epoch, where they are to be restored and there was one."""
        return self._parameters

    def check(self, names: Iterable[str]) -> None:
        """Refuse figures among which the one that is watched is missing.

        Raises:
            AsgError: naming those that there are.
        """
        self._best.check(names)

    def update(self, session: HoldsParameters, epoch: int, figures: Mapping[str, float]) -> bool:
        """Look at an epoch.

        Args:
            session: what is trained.
            epoch: the number of the epoch.
            figures: its figures by name.

        Returns:
            Whether to end.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        if self.is_best(epoch, figures):
            if self.restore_best:
                self.keep(session.parameters())
            return False
        return self.ends(epoch)

    def is_best(self, epoch: int, figures: Mapping[str, float]) -> bool:
        """Whether an epoch is the best so far; its weights are to be given to `keep` then, if they are to be restored.

        Args:
            epoch: the number of the epoch.
            figures: its figures by name.

        Raises:
            AsgError: the figure that is watched is missing.
        """
        is_best = self._best.update(epoch, figures)
        self._seen.append(figures[self.monitor])
        if not is_best:
            return False
        self._epochs_without = 0
        return True

    def keep(self, parameters: dict[str, Array]) -> None:
        """Keep the weights of the best epoch in memory."""
        self._parameters = parameters

    def ends(self, epoch: int) -> bool:
        """Whether the training ends with an epoch that was not the best."""
        self._epochs_without += 1
        if self._epochs_without <= self.patience:
            return False
        self.stopped_epoch = epoch
        return True

    def restore(self, session: HoldsParameters) -> None:
        """Give the session the weights of the best epoch, if they are to be restored and there was one."""
        if self.best_parameters is not None:
            session.set_parameters(self.best_parameters)
