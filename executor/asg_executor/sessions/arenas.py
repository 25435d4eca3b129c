"""Arenas: the parameters, gradients and optimizer slots of a session, end to end in one vector for each dtype.

An arena's parameters that steps train stand first, so that one stretch of the vector, with gradients and slots of the
same length beside it, is all that an optimizer's update needs to see. Each parameter is a view into its vector.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256

import numpy as np

from asg_executor.optimizers.optimizer import Optimizer, accumulation_dtype
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_schema.document import Parameter
from asg_schema.dtype import DType

__all__ = ["Arena", "Arenas", "required_bytes"]


class Arena:
    """The vectors of one dtype.

    Attributes:
        dtype: the dtype of the parameters.
        values: all parameters, the trained ones first.
        trained: the stretch of `values` that steps train.
        gradients: as long as `trained`.
        slots: the optimizer's vectors by name, as long as `trained`.
        views: each parameter as a view of `values`, by name.
        gradient_views: each trained parameter's gradient as a view of `gradients`, by name.
    """

    def __init__(
        self, dtype: DType, parameters: Iterable[Parameter], trained: Collection[str], slots: Iterable[str]
    ) -> None:
        self.dtype = dtype
        ordered = sorted(parameters, key=lambda parameter: parameter.id not in trained)
        sizes = [math.prod(parameter.shape) for parameter in ordered]
        length = sum(size for parameter, size in zip(ordered, sizes, strict=True) if parameter.id in trained)
        self.values = np.zeros(sum(sizes), numpy_dtype(dtype))
        self.trained = self.values[:length]
        self.gradients = np.zeros_like(self.trained)
        self.slots = {name: np.zeros(length, numpy_dtype(accumulation_dtype(dtype))) for name in slots}
        self.views: dict[str, Array] = {}
        self.gradient_views: dict[str, Array] = {}
        self._stretches: dict[str, slice] = {}
        start = 0
        for parameter, size in zip(ordered, sizes, strict=True):
            stretch = slice(start, start + size)
            self.views[parameter.id] = self.values[stretch].reshape(parameter.shape)
            if parameter.id in trained:
                self.gradient_views[parameter.id] = self.gradients[stretch].reshape(parameter.shape)
                self._stretches[parameter.id] = stretch
            start += size

    def slots_of(self, name: str) -> Iterator[tuple[str, Array]]:
        """The part of each slot that belongs to one parameter; nothing for one that is not trained."""
        stretch = self._stretches.get(name)
        if stretch is not None:
            for slot, vector in self.slots.items():
                yield slot, vector[stretch]

    def state(self) -> list[Array]:
        """The vectors that a step changes and that the next step depends on."""
        return [self.values, *self.slots.values()]


class Arenas:
    """All arenas of a session, one for each dtype among its parameters.

    Args:
        parameters: the declarations, by name.
        trained: the names of those that steps train; they are floating-point.
        optimizer: whose slots are kept; None where nothing is trained.
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], trained: Collection[str], optimizer: Optimizer | None
    ) -> None:
        slots = () if optimizer is None else optimizer.slots
        by_dtype: dict[DType, list[Parameter]] = {}
        for parameter in parameters.values():
            by_dtype.setdefault(parameter.dtype, []).append(parameter)
        self.arenas = [Arena(dtype, members, trained, slots) for dtype, members in by_dtype.items()]
        views = {name: view for arena in self.arenas for name, view in arena.views.items()}
        self.parameters = {name: views[name] for name in parameters}
        self.gradients = {name: view for arena in self.arenas for name, view in arena.gradient_views.items()}
        self._backup: list[Array] | None = None

    def save(self) -> None:
        """Copy the state aside, for `restore`."""
        state = [vector for arena in self.arenas for vector in arena.state()]
        if self._backup is None:
            self._backup = [np.empty_like(vector) for vector in state]
        for kept, vector in zip(self._backup, state, strict=True):
            np.copyto(kept, vector)

    def restore(self) -> None:
        """Put the state back that `save` copied last."""
        if self._backup is None:
            raise RuntimeError("restore without save")
        state = [vector for arena in self.arenas for vector in arena.state()]
        for kept, vector in zip(self._backup, state, strict=True):
            np.copyto(vector, kept)

    def digest(self, step: int) -> str:
        """The SHA-256 of the state after step number `step`: parameters and slots by name, and the step."""
        result = sha256(f"asg.state:{step}".encode())
        owners = {name: arena for arena in self.arenas for name in arena.views}
        for name in sorted(owners):
            arena = owners[name]
            for part, array in (("value", arena.views[name]), *arena.slots_of(name)):
                # A length before each name keeps different states from having the same bytes.
                label = f"{len(name)}:{name}:{part}:{array.dtype.name}:{list(array.shape)}:"
                result.update(label.encode())
                result.update(array.reshape(-1).view(np.uint8).data)
        return result.hexdigest()


def required_bytes(parameters: Iterable[Parameter], trained: Collection[str], optimizer: Optimizer | None) -> int:
    """The memory that `Arenas` takes for these parameters, its backup included, in bytes."""
    slots = 0 if optimizer is None else len(optimizer.slots)
    total = 0
    for parameter in parameters:
        size = math.prod(parameter.shape)
        total += 2 * size * parameter.dtype.itemsize
        if parameter.id in trained:
            total += size * (parameter.dtype.itemsize + 2 * slots * accumulation_dtype(parameter.dtype).itemsize)
    return total
