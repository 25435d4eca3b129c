"""`Batches`: arrays, cut into mini-batches anew each epoch."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast, overload

import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_builder.data.samplers import RandomSampler, Sampler, SequentialSampler
from asg_schema.errors import AsgError

__all__ = ["Batches"]

Batch = TypeVar("Batch", dict[str, Array], tuple[Array, ...], Array)


class Batches(Generic[Batch]):
    """Mini-batches of arrays that have a row for each example.

    ```python
    batches = Batches({"image": images, "digit": digits}, 64, shuffle=True, seed=0)
    session.fit(batches, epochs=10)
    ```

    To iterate once is one epoch, and the next iteration is the next epoch: with `shuffle`, each has another order, and
    all orders are determined by the seed. Batches are copies, to be changed at will.

    Args:
        data: arrays by name, whose batches are mappings of the same names; or a tuple of arrays, whose batches are
            tuples; or one array. All have the same length along the first axis.
        batch_size: how many rows a batch has.
        shuffle: whether each epoch has the rows in another order.
        seed: what the orders are made from.
        sampler: what chooses the rows of each epoch, in place of `shuffle` and `seed`.
        drop_last: whether the rows that are left at the end of an epoch, fewer than `batch_size`, are left out.

    Attributes:
        epoch: the number of the epoch that the next iteration is, from 0. Set it to go on where a training was
            interrupted.

    Raises:
        AsgError: there is no row, the arrays have different lengths, `batch_size` is below 1 or leaves no batch, or
            both a sampler and `shuffle` are given.
    """

    @overload
    def __init__(
        self: "Batches[dict[str, Array]]",
        data: Mapping[str, npt.ArrayLike],
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        drop_last: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Batches[Array]",
        data: Array,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        drop_last: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Batches[tuple[Array, ...]]",
        data: tuple[npt.ArrayLike, ...],
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        drop_last: bool = False,
    ) -> None: ...
    def __init__(
        self,
        data: Mapping[str, npt.ArrayLike] | tuple[npt.ArrayLike, ...] | Array,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        sampler: Sampler | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1:
            raise AsgError(f"batch_size is {batch_size}; at least 1 is needed")
        if sampler is not None and shuffle:
            raise AsgError("both shuffle and a sampler are given; the sampler alone determines the order")
        self.data = _as_arrays(data)
        self.num_rows = _common_length(self.data)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.epoch = 0
        shuffled = RandomSampler(self.num_rows, seed=seed) if shuffle else SequentialSampler(self.num_rows)
        self.sampler: Sampler = shuffled if sampler is None else sampler
        if len(self) == 0:
            raise AsgError(
                f"an epoch has {len(self.sampler)} rows and batch_size is {batch_size}, so that with drop_last no "
                "batch is left"
            )

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[Batch]:
        order = self._order(self.epoch)
        self.epoch += 1
        return (
            cast("Batch", _rows(self.data, order[begin : begin + self.batch_size]))
            for begin in range(0, len(self) * self.batch_size, self.batch_size)
        )

    def _order(self, epoch: int) -> Array:
        order = as_array(self.sampler.indices(epoch), "what the sampler chooses")
        if order.shape != (len(self.sampler),) or order.dtype.kind not in "iu":
            raise AsgError(
                f"the sampler chooses {order.dtype} {list(order.shape)}; numbers of rows, integers "
                f"[{len(self.sampler)}], are needed"
            )
        outside = order[(order < 0) | (order >= self.num_rows)]
        if outside.size:
            raise AsgError(f"the sampler chooses row {outside[0]}; there are {self.num_rows} rows")
        return order


_Arrays = dict[str, Array] | tuple[Array, ...] | Array


def _as_arrays(data: Mapping[str, npt.ArrayLike] | tuple[npt.ArrayLike, ...] | Array) -> _Arrays:
    if isinstance(data, Mapping):
        return {name: as_array(value, f'"{name}"') for name, value in data.items()}
    if isinstance(data, tuple):
        return tuple(as_array(value, _place(index)) for index, value in enumerate(data))
    return as_array(data, "the data")


def _named(data: _Arrays) -> dict[str, Array]:
    """The arrays with what to call them in an error."""
    if isinstance(data, dict):
        return {f'"{name}"': array for name, array in data.items()}
    if isinstance(data, tuple):
        return {_place(index): array for index, array in enumerate(data)}
    return {"the data": data}


def _place(index: int) -> str:
    return f"array {index}"


def _common_length(data: _Arrays) -> int:
    """The number of rows that all arrays have."""
    arrays = _named(data)
    if not arrays:
        raise AsgError("there is no array to make batches of")
    for name, array in arrays.items():
        if array.ndim == 0:
            raise AsgError(f"{name} is one number; an array with a row for each example is needed")
    if len({len(array) for array in arrays.values()}) > 1:
        listed = ", ".join(f"{name} has {len(array)}" for name, array in arrays.items())
        raise AsgError(f"the arrays have different numbers of rows: {listed}")
    length = len(next(iter(arrays.values())))
    if length == 0:
        raise AsgError("the arrays have no rows; at least one is needed")
    return length


def _rows(data: _Arrays, chosen: Array) -> _Arrays:
    if isinstance(data, dict):
        return {name: array[chosen] for name, array in data.items()}
    return tuple(array[chosen] for array in data) if isinstance(data, tuple) else data[chosen]
