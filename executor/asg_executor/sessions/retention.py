"""`Retention`: which checkpoints of a session are removed when a further one is made."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from asg_executor.store.checkpoints import Checkpoint

__all__ = ["KeepBest", "Retention"]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class KeepBest(BaseModel):
    """The checkpoints that are best by a metric are kept.

    Attributes:
        metric: the name of the metric. A checkpoint without it, or where it is NaN, is none of the best.
        mode: whether less or more is better.
        count: how many are kept. Of equal ones the older is the better.
    """

    model_config = _STRICT

    metric: Annotated[StrictStr, Field(min_length=1, max_length=200)]
    mode: Literal["min", "max"] = "min"
    count: Annotated[int, Field(ge=1)] = 1

    def best(self, checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
        """The best of these, which are in the order in which they were made."""
        known = [item for item in checkpoints if not math.isnan(item.metrics.get(self.metric, math.nan))]
        sign = 1 if self.mode == "min" else -1
        return sorted(known, key=lambda item: sign * item.metrics[self.metric])[: self.count]


class Retention(BaseModel):
    """Which checkpoints are kept, of those that are not pinned: the last ones, and the best.

    Attributes:
        keep_last: how many of the last; the one that is just made is the first of them.
        keep_best: which of the others, as the best.
    """

    model_config = _STRICT

    keep_last: Annotated[int, Field(ge=1)] = 1
    keep_best: KeepBest | None = None

    def surplus(self, checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
        """Those that are to be removed.

        Args:
            checkpoints: all of a session, in the order in which they were made.
        """
        loose = [item for item in checkpoints if not item.pinned]
        kept = {item.name for item in loose[-self.keep_last :]}
        if self.keep_best is not None:
            kept |= {item.name for item in self.keep_best.best(loose)}
        return [item for item in loose if item.name not in kept]
