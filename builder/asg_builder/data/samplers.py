"""In which order an epoch goes through the rows of a data set."""

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_schema.errors import AsgError

__all__ = ["RandomSampler", "Sampler", "SequentialSampler", "WeightedRandomSampler"]


class Sampler(Protocol):
    """What chooses the rows of each epoch."""

    def __len__(self) -> int:
        """How many rows an epoch has."""
        ...

    def indices(self, epoch: int) -> Array:
        """The rows of an epoch in their order, int64 [len(self)]; the same epoch, the same rows.

        Args:
            epoch: counted from 0.
        """
        ...


class SequentialSampler:
    """Every row once, in order.

    Args:
        num_rows: the number of rows.
    """

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows

    def __len__(self) -> int:
        return self.num_rows

    def indices(self, epoch: int) -> Array:
        """0, 1, 2 and so on."""
        return np.arange(self.num_rows)


class RandomSampler:
    """Every row once, in another order each epoch.

    Args:
        num_rows: the number of rows.
        seed: what the orders are made from, at least 0.
    """

    def __init__(self, num_rows: int, *, seed: int = 0) -> None:
        self.num_rows = num_rows
        self.seed = _checked_seed(seed, "RandomSampler")

    def __len__(self) -> int:
        return self.num_rows

    def indices(self, epoch: int) -> Array:
        """A permutation that the seed and the epoch determine."""
        return np.random.default_rng((self.seed, epoch)).permutation(self.num_rows)


class WeightedRandomSampler:
    """Rows drawn with probabilities in proportion to weights, such as to see rare classes more often.

    Args:
        weights: a weight for each row, finite and not below 0; not all are 0.
        num_samples: how many rows an epoch has; absent: as many as there are weights.
        replacement: whether a row may come more than once in an epoch. Without it at most as many rows can be drawn as
            have a weight above 0.
        seed: what the draws are made from, at least 0.

    Raises:
        AsgError: the weights or the number of samples are not such.
    """

    def __init__(
        self, weights: npt.ArrayLike, num_samples: int | None = None, *, replacement: bool = True, seed: int = 0
    ) -> None:
        given = as_array(weights, "weights")
        if given.ndim != 1 or given.size == 0:
            raise AsgError(f"weights has the shape {list(given.shape)}; one weight for each row is needed")
        if given.dtype.kind not in "fiub":
            raise AsgError(f"weights is an array of {given.dtype}; numbers are needed")
        given = given.astype(np.float64)
        wrong = np.flatnonzero(~(np.isfinite(given) & (given >= 0)))
        if wrong.size:
            raise AsgError(f"weights[{wrong[0]}] is {given[wrong[0]]}; a finite number of at least 0 is needed")
        possible = int(np.count_nonzero(given))
        if possible == 0:
            raise AsgError("all weights are 0; at least one above 0 is needed")
        count = given.size if num_samples is None else num_samples
        if count < 1:
            raise AsgError(f"num_samples is {count}; at least 1 is needed")
        if not replacement and count > possible:
            raise AsgError(
                f"num_samples is {count}, and {possible} rows have a weight above 0; without replacement no more than "
                "these can be drawn"
            )
        # Divided by the largest first: the sum of large weights would overflow.
        scaled = given / given.max()
        self.probabilities = scaled / scaled.sum()
        self.num_samples = count
        self.replacement = replacement
        self.seed = _checked_seed(seed, "WeightedRandomSampler")

    def __len__(self) -> int:
        return self.num_samples

    def indices(self, epoch: int) -> Array:
        """Rows that the seed and the epoch determine."""
        rng = np.random.default_rng((self.seed, epoch))
        return rng.choice(self.probabilities.size, self.num_samples, replace=self.replacement, p=self.probabilities)


def _checked_seed(seed: int, owner: str) -> int:
    """The seed, if it is one.

    Raises:
        AsgError: it is no integer, or below 0.
    """
    # A caller may give None, NumPy's word for another order each time.
    if not isinstance(cast("object", seed), int | np.integer) or seed < 0:
        raise AsgError(f"{owner}: seed is {seed}; an integer of at least 0 is needed")
    return seed
