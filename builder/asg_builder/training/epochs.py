"""The batches of a training, from where it stands, each prepared while the step before it is waited for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from asg_schema.errors import AsgError

__all__ = ["Batch", "Epochs", "PreparedBatch", "PreparedBatches", "batch_size", "checked", "length_of"]

Batch: TypeAlias = Mapping[str, npt.ArrayLike]
"""The inputs of a step, by name."""


def batch_size(batch: Batch) -> int:
    """The length of the first axis of the first input that has one; 1 where none has."""
    return next((shape[0] for value in batch.values() if (shape := np.shape(value))), 1)


def checked(batch: Batch) -> Batch:
    """The batch, if it is a mapping.

    Raises:
        AsgError: it is not.
    """
    given = cast("object", batch)  # a caller without a type checker may give anything
    if not isinstance(given, Mapping):
        raise AsgError(f"a batch is a {type(given).__name__}; a mapping of the inputs' names to their data is needed")
    return batch


def length_of(batches: Iterable[Batch]) -> int | None:
    """How many batches there are, where they tell."""
    return len(cast("Any", batches)) if hasattr(batches, "__len__") else None


class Epochs:
    """The epochs of a training that are left.

    Args:
        batches: the batches of an epoch. Where they have an `epoch`, as `asg_builder.data.Batches` has, it is set to
            the number of the epoch, from 0, in a training that is gone on with.
        epochs: how many there are in all.
        start_step: the number of the session's last step when the training began; None where it begins now.
        number: that of the session's last step now.

    Attributes:
        done: how many epochs are complete, of a training that is gone on with.
        left: the numbers, from 1, of those that are not.
        steps_left: how many steps these have, where that is known.

    Raises:
        AsgError: the batches of a training that is gone on with have no length, or the session has not come to the step
            where it began.
    """

    def __init__(self, batches: Iterable[Batch], epochs: int, start_step: int | None, number: int) -> None:
        self._batches = batches
        self._continued = start_step is not None
        self._length = length_of(batches)
        done = 0 if start_step is None else number - start_step
        if done < 0:
            raise AsgError(f"start_step is {start_step}, and the session is at step {number}, before it")
        if start_step is not None and not self._length:
            raise AsgError("start_step needs batches that have a length, so that it tells which are left")
        self._epochs_done, self._batches_done = divmod(done, self._length) if self._length else (0, 0)
        self.done = self._epochs_done
        self.left = range(self._epochs_done + 1, epochs + 1)
        self.steps_left = None if self._length is None else max(0, epochs * self._length - done)

    def batches_left(self, epoch: int) -> Iterable[Batch]:
        """The batches of an epoch that are left.

        Args:
            epoch: its number, from 1.
        """
        if not self._continued:
            return self._batches
        if hasattr(self._batches, "epoch"):
            cast("Any", self._batches).epoch = epoch - 1
        return islice(self._batches, self._batches_done if epoch == self._epochs_done + 1 else 0, None)


class PreparedBatch(NamedTuple):
    """A batch as it is sent.

    Attributes:
        body: what is sent.
        size: how many examples it has.
    """

    body: bytes
    size: int


class PreparedBatches:
    """Batches as they are sent, in order.

    Args:
        batches: the batches.
        prepare: what makes of a batch what is sent.
    """

    def __init__(self, batches: Iterable[Batch], prepare: Callable[[Batch], bytes]) -> None:
        self._prepared = self._each(iter(batches), prepare)
        self._next: PreparedBatch | Exception | None = None
        self._has_next = False

    @staticmethod
    def _each(batches: Iterator[Batch], prepare: Callable[[Batch], bytes]) -> Iterator[PreparedBatch]:
        for batch in batches:
            yield PreparedBatch(prepare(checked(batch)), batch_size(batch))

    def prepare_next(self) -> None:
        """Prepare the next batch; `take` raises what goes wrong with it."""
        try:
            self._next = next(self._prepared, None)
        except Exception as error:  # the step that is under way has nothing to do with it
            self._next = error
        self._has_next = True

    def take(self) -> PreparedBatch | None:
        """The next batch; None where there is no more.

        Raises:
            AsgError: it is no batch of the graph.
            Exception: whatever the batches raise.
        """
        if not self._has_next:
            return next(self._prepared, None)
        found, self._next, self._has_next = self._next, None, False
        if isinstance(found, Exception):
            raise found
        return found
