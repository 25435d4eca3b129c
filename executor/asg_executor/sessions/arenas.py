"""Arenas: the parameters, gradients and optimizer slots of a session, end to end in one vector for each dtype.

An arena's parameters that steps train stand first, those of one group together, so that one stretch of the vector, with
gradients and slots of the same length beside it, is all that an element-wise update needs to see. A rule that looks at
parameters as a whole has a block for each of them instead. Each parameter is a view into its vector.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from asg_executor.huge_pages import zeros
from asg_executor.optimizers.groups import Assignment
from asg_executor.optimizers.rule import Rule, Slot, accumulation_dtype
from asg_executor.plan.arrays import Array, dtype_of, numpy_dtype
from asg_executor.sessions.state_arrays import state_digest
from asg_schema.document import Parameter
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["Arena", "Arenas", "Block", "Stretch", "required_bytes"]


Copier: TypeAlias = Callable[[Sequence[tuple[Array, Array]]], Callable[[], object]]
"""Makes what copies into the first array of each pair the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What a rule updates at a time: one parameter, or the vector of all parameters of a stretch.

    Attributes:
        parameter: the values, in place.
        gradient: the gradient, of the same shape.
        slots: what the rule keeps between steps, by name.
    """

    parameter: Array
    gradient: Array
    slots: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The parameters of one arena that one rule trains.

    Attributes:
        rule: the rule.
        dtype: the dtype of the parameters.
        names: the names of the parameters.
        begins: where each parameter begins in the stretch, and where the stretch ends.
        blocks: what the rule updates: one block, or one for each parameter.
    """

    rule: Rule
    dtype: DType
    names: tuple[str, ...]
    begins: tuple[int, ...]
    blocks: tuple[Block, ...]

    def slots_of(self, name: str) -> Iterator[tuple[str, Array]]:
        """The part of each slot that belongs to one parameter; a slot without axes belongs to each."""
        number = self.names.index(name)
        block = self.blocks[number if self.rule.whole else 0]
        part = slice(self.begins[number], self.begins[number + 1])
        for slot, array in block.slots.items():
            yield slot, array if self.rule.whole or not array.ndim else array[part]


class Arena:
    """The vectors of one dtype.

    Attributes:
        dtype: the dtype of the parameters.
        values: all parameters, the trained ones first, group by group.
        trained: the part of `values` that steps train.
        gradients: as long as `trained`.
        average: the average of `trained`, as long; None where none is kept.
        stretches: the parts of `trained`, one for each group that has parameters here.
        views: each parameter as a view of `values`, by name.
        gradient_views: each trained parameter's gradient as a view of `gradients`, by name.
        average_views: each trained parameter's average as a view of `average`, by name.
    """

    def __init__(
        self, dtype: DType, parameters: Sequence[Parameter], assignments: Sequence[Assignment], *, average: bool
    ) -> None:
        self.dtype = dtype
        members = {parameter.id: parameter for parameter in parameters}
        groups = [(rule, [members[name] for name in names if name in members]) for rule, names in assignments]
        trained = [parameter for _, group in groups for parameter in group]
        names = {parameter.id for parameter in trained}
        ordered = [*trained, *(parameter for parameter in parameters if parameter.id not in names)]
        length = sum(map(_size, trained))
        self.values = zeros(sum(map(_size, ordered)), numpy_dtype(dtype))
        self.trained = self.values[:length]
        self.gradients = zeros(length, numpy_dtype(dtype))
        self.average = zeros(length, numpy_dtype(accumulation_dtype(dtype))) if average else None
        self.views = _views(self.values, ordered)
        self.gradient_views = _views(self.gradients, trained)
        self.average_views = {} if self.average is None else _views(self.average, trained)
        self.stretches: list[Stretch] = []
        begin = 0
        for rule, group in groups:
            if group:
                self.stretches.append(self._stretch(rule, group, begin))
                begin += self.stretches[-1].begins[-1]

    def _stretch(self, rule: Rule, group: Sequence[Parameter], begin: int) -> Stretch:
        begins = [0]
        for parameter in group:
            begins.append(begins[-1] + _size(parameter))
        part = slice(begin, begin + begins[-1])
        views = [(self.trained[part], self.gradients[part])]
        if rule.whole:
            views = [(self.views[parameter.id], self.gradient_views[parameter.id]) for parameter in group]
        blocks = tuple(
            Block(
                value, gradient, {slot.name: _initial(slot) for slot in rule.slots(TensorType(self.dtype, value.shape))}
            )
            for value, gradient in views
        )
        return Stretch(rule, self.dtype, tuple(parameter.id for parameter in group), tuple(begins), blocks)

    def state_of(self, name: str) -> Iterator[tuple[str, Array]]:
        """What a step changes of one parameter: its value, its slots, its average."""
        yield "value", self.views[name]
        for stretch in self.stretches:
            if name in stretch.names:
                yield from stretch.slots_of(name)
        if name in self.average_views:
            yield "average", self.average_views[name].reshape(-1)

    def state(self) -> list[Array]:
        """The arrays that a step changes and that the next step depends on."""
        slots = [array for stretch in self.stretches for block in stretch.blocks for array in block.slots.values()]
        return [self.values, *slots, *([] if self.average is None else [self.average])]


class Arenas:
    """All arenas of a session, one for each dtype among its parameters.

    Args:
        parameters: the declarations, by name.
        assignments: which rule trains which of them; they are floating-point.
        copier: makes what copies the state aside; see `asg_executor.engines.engine.Engine.copier`.
        average: whether an average of the trained ones is kept.
        shared: arrays that a step changes and that belong to no parameter, by name.
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        assignments: Sequence[Assignment],
        copier: Copier,
        *,
        average: bool = False,
        shared: Mapping[str, Array] | None = None,
    ) -> None:
        by_dtype: dict[DType, list[Parameter]] = {}
        for parameter in parameters.values():
            by_dtype.setdefault(parameter.dtype, []).append(parameter)
        self.arenas = [Arena(dtype, members, assignments, average=average) for dtype, members in by_dtype.items()]
        views = {name: view for arena in self.arenas for name, view in arena.views.items()}
        self.parameters = {name: views[name] for name in parameters}
        self.gradients = {name: view for arena in self.arenas for name, view in arena.gradient_views.items()}
        self.averages = {name: view for arena in self.arenas for name, view in arena.average_views.items()}
        self._shared = shared or {}
        self._copier = copier
        self._backup: list[tuple[Array, Array]] | None = None
        self._copy_aside: Callable[[], object] | None = None

    @property
    def trained(self) -> list[Arena]:
        """The arenas that steps train something of."""
        return [arena for arena in self.arenas if arena.trained.size]

    def save(self) -> None:
        """Copy the state aside, for `restore`."""
        if self._copy_aside is None:
            state = [*(vector for arena in self.arenas for vector in arena.state()), *self._shared.values()]
            self._backup = [(zeros(vector.shape, vector.dtype), vector) for vector in state]
            self._copy_aside = self._copier(self._backup)
        self._copy_aside()

    def restore(self) -> None:
        """Put the state back that `save` copied last."""
        if self._backup is None:
            raise RuntimeError("restore without save")
        for kept, vector in self._backup:
            vector[...] = kept

    def named_state(self) -> dict[str, Array]:
        """The state by `<part>:<parameter>`, such as `value:weight`: views, which a step changes.

        Of what belongs to no parameter the name ends with the colon.
        """
        shared = {f"{name}:": array for name, array in self._shared.items()}
        return shared | {
            f"{part}:{name}": array
            for arena in self.arenas
            for name in arena.views
            for part, array in arena.state_of(name)
        }

    def begin_anew(self) -> None:
        """Make slots and averages what they are before the first step, for the parameters as they are."""
        for arena in self.arenas:
            for stretch in arena.stretches:
                for block in stretch.blocks:
                    for slot in stretch.rule.slots(TensorType(arena.dtype, block.parameter.shape)):
                        block.slots[slot.name].fill(slot.initial)
            if arena.average is not None:
                arena.average[...] = arena.trained

    def is_finite(self, updated: Iterable[str]) -> bool:
        """Whether no trained parameter, slot or average, and none of the parameters in `updated`, has NaN or inf."""
        trained = [array for arena in self.trained for array in (arena.trained, *arena.state()[1:])]
        return all(map(_is_finite, [*trained, *(self.parameters[name] for name in updated)]))

    def digest(self, step: int) -> str:
        """The SHA-256 of the state after step number `step`: parameters, slots and averages by name, and the step."""
        state = self.named_state()
        return state_digest(step, state, state)


def _is_finite(array: Array) -> bool:
    dtype = dtype_of(array)
    return dtype is None or not dtype.is_floating or bool(np.isfinite(array).all())


def _size(parameter: Parameter) -> int:
    return math.prod(parameter.shape)


def _views(vector: Array, parameters: Iterable[Parameter]) -> dict[str, Array]:
    """Each parameter's part of a vector in which they lie end to end, by name."""
    views: dict[str, Array] = {}
    begin = 0
    for parameter in parameters:
        end = begin + _size(parameter)
        views[parameter.id] = vector[begin:end].reshape(parameter.shape)
        begin = end
    return views


def _shape(slot: Slot) -> tuple[int, ...]:
    return tuple(size for size in slot.type.shape if isinstance(size, int))


def _initial(slot: Slot) -> Array:
    array = zeros(_shape(slot), numpy_dtype(slot.type.dtype))
    array[...] = slot.initial
    return array


def required_bytes(parameters: Iterable[Parameter], assignments: Sequence[Assignment], *, average: bool = False) -> int:
    """The memory that `Arenas` takes for these parameters, its backup included, in bytes."""
    rules = {name: rule for rule, names in assignments for name in names}
    total = 0
    for parameter in parameters:
        size = _size(parameter)
        total += 2 * size * parameter.dtype.itemsize
        rule = rules.get(parameter.id)
        if rule is None:
            continue
        total += size * parameter.dtype.itemsize
        # A vector's slots are the sum of what they would be for each parameter, but for those without axes.
        total += 2 * sum(math.prod(_shape(slot)) * slot.type.dtype.itemsize for slot in rule.slots(parameter.type))
        if average:
            total += 2 * size * accumulation_dtype(parameter.dtype).itemsize
    return total
