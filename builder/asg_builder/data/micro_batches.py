"""`micro_batches`: a batch in parts, for `Session.step_micro_batches`."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_schema.errors import AsgError

__all__ = ["micro_batches"]


def micro_batches(batch: Mapping[str, npt.ArrayLike], count: int) -> list[dict[str, Array]]:
    """Divide the rows of a batch, so that a step needs the memory of a part only.

    ```python
    for batch in Batches(data, 64, shuffle=True, seed=0):
        session.step_micro_batches(micro_batches(batch, 4))
    ```

    The session has the same weights, bit for bit, after `start_job(data, batch_size=64, shuffle_seed=0,
    micro_batches=4)`.

    Args:
        batch: arrays by name, with one length along the first axis.
        count: how many parts; a batch with fewer rows has as many as rows. Their sizes differ by one row at most, and
            the larger ones come first.

    Returns:
        The arrays of each part, which are views of the batch's.

    Raises:
        AsgError: `count` is below 1, there is no array or no row, or the arrays have different lengths.
    """
    if count < 1:
        raise AsgError(f"count is {count}; at least 1 micro-batch is needed")
    arrays = {name: as_array(value, f'"{name}"') for name, value in batch.items()}
    lengths = {name: len(array) if array.shape else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        listed = ", ".join(f'"{name}" has {length}' for name, length in lengths.items()) or "there is no array"
        raise AsgError(f"arrays with the same rows, at least one, are needed: {listed}")
    parts = min(count, next(iter(lengths.values())))
    divided = {name: np.array_split(array, parts) for name, array in arrays.items()}
    return [{name: pieces[part] for name, pieces in divided.items()} for part in range(parts)]
