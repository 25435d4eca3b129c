"""Simplification of a `Program`: no dead instruction, no duplicate, nothing computed that is known beforehand."""

import math
import struct
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeAlias, cast

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.plan.arrays import Array, concrete_shape, stored_elements
from asg_executor.plan.constants import creation_value
from asg_executor.plan.cost import operations
from asg_executor.plan.layout import Layout, contiguous
from asg_executor.plan.program import Instruction, Program
from asg_executor.plan.views import view_of
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import MOST_CONSTANT_ELEMENTS, Bytes, DimSize, Full, Iota
from asg_schema.ops.layout import BroadcastTo
from asg_schema.tensor_type import TensorType

__all__ = ["Evaluate", "attribute_key", "simplify"]

Evaluate: TypeAlias = Callable[[Instruction, Sequence[Array], Sequence[TensorType]], "tuple[Array, ...]"]
"""Computes an instruction's results, of the given types, from its operands, once."""

_MOST_FOLDED = 65_536  # elements of one instruction's operands and results
_MOST_FOLDED_IN_ALL = 8 * 1024 * 1024  # that folding may read and make in all, so that it takes little time and memory
_MOST_FOLDED_OPERATIONS = 2**26  # of one instruction: a convolution of few elements may take billions
_MOST_FOLDED_OPERATIONS_IN_ALL = 2**30
_POINTWISE = frozenset({"elementwise", "comparison"})


def simplify(program: Program, evaluate: Evaluate) -> Program:
    """The program without what is dead, duplicate or constant.

    Two instructions are duplicates when op, attributes and operands are the same. Operands are the same when they are
    the same elements in the same order, by whichever reshapes and transpositions they were reached; but what stands
    behind a `barrier` is never the same as what stands before it. An
    instruction whose operands are constants is computed here, once, unless its result is larger than 65,536 elements
    that are not all one value, or it takes much arithmetic.

    Args:
        program: what `lower` makes.
        evaluate: how the engine computes an instruction; its errors pass through.

    Raises:
        RunStoppedError: it takes too long.
    """
    return _drop_dead(_Simplification(program, evaluate).run())


class _Simplification:
    """One pass from the first instruction to the last."""

    def __init__(self, program: Program, evaluate: Evaluate) -> None:
        self.program = program
        self.evaluate = evaluate
        self.aliases: dict[str, str] = {}
        self.constants: dict[str, Array] = {}
        self.known: dict[Hashable, tuple[str, ...]] = {}
        self.identities: dict[str, Layout] = {}
        self.folded = 0
        self.folded_operations = 0

    def run(self) -> Program:
        program = self.program
        for name in program.sources:
            self._identify(name, contiguous(name, concrete_shape(program.types[name])))
        kept: list[Instruction] = []
        allowance = current_allowance()
        for instruction in program.instructions:
            allowance.check_time()
            operands = tuple(self.aliases.get(reference, reference) for reference in instruction.operands)
            if operands != instruction.operands:
                instruction = replace(instruction, operands=operands)
            if not (self._fold(instruction) or self._merge_view(instruction) or self._merge(instruction)):
                kept.append(instruction)
        outputs = {name: self.aliases.get(reference, reference) for name, reference in program.outputs.items()}
        return Program(program.types, program.sources, self.constants, kept, outputs)

    def _identify(self, reference: str, layout: Layout) -> bool:
        """Note which elements a value is made of; True where another value is already made of the same."""
        identity = _without_idle_strides(layout)
        self.identities[reference] = identity
        earlier = self.known.setdefault(("elements", identity, self.program.types[reference]), (reference,))[0]
        if earlier != reference:
            self.aliases[reference] = earlier
        return earlier != reference

    def _merge_view(self, instruction: Instruction) -> bool:
        """Whether an instruction is a view of elements that another value already shows in the same way."""
        if len(instruction.operands) != 1:
            return False
        (operand,), (result, *_) = instruction.operands, instruction.results
        types = self.program.types
        identity = self.identities[operand]
        if isinstance(instruction.op, Barrier):
            return self._identify(result, contiguous(result, identity.shape))
        view = view_of(instruction.op, identity, types[operand], types[result])
        return view is not None and self._identify(result, view)

    def _merge(self, instruction: Instruction) -> bool:
        """Whether an instruction computes what an earlier one has computed."""
        if instruction.results[0] in self.identities:
            return False
        key = (
            type(instruction.op),
            attribute_key(instruction.op),
            *(self.identities[operand] for operand in instruction.operands),
        )
        earlier = self.known.setdefault(key, instruction.results)
        if earlier is not instruction.results:
            self.aliases.update(zip(instruction.results, earlier, strict=True))
            return True
        for reference in instruction.results:
            self._identify(reference, contiguous(reference, concrete_shape(self.program.types[reference])))
        return False

    def _fold(self, instruction: Instruction) -> bool:
        """Compute an instruction whose operands are all known; False where that is not possible or too large."""
        types = self.program.types
        results = tuple(types[reference] for reference in instruction.results)
        if instruction.op.family() == "creation":
            if _stored_elements(instruction.op, results[0]) > MOST_CONSTANT_ELEMENTS:
                return False
            made = creation_value(instruction.op, tuple(types[reference] for reference in instruction.operands))
            if made is not None:
                self._add_constant(instruction.results[0], made)
                return True
        if isinstance(instruction.op, Barrier) or not all(item in self.constants for item in instruction.operands):
            return False
        arrays = [self.constants[reference] for reference in instruction.operands]
        if isinstance(instruction.op, BroadcastTo):
            self._add_constant(instruction.results[0], np.broadcast_to(arrays[0], concrete_shape(results[0])))
            return True
        if instruction.op.family() in _POINTWISE and all(map(_is_uniform, arrays)):
            scalars = [array[(0,) * array.ndim + (...,)] for array in arrays]
            (value,) = self.evaluate(instruction, scalars, (TensorType(results[0].dtype, ()),))
            self._add_constant(instruction.results[0], np.broadcast_to(value, concrete_shape(results[0])))
            return True
        sizes = [sum(map(_count, results)), *(array.size for array in arrays)]
        if max(sizes) > _MOST_FOLDED or self.folded + sum(sizes) > _MOST_FOLDED_IN_ALL:
            return False
        cost = operations(instruction, types)
        if cost > _MOST_FOLDED_OPERATIONS or self.folded_operations + cost > _MOST_FOLDED_OPERATIONS_IN_ALL:
            return False
        self.folded += sum(sizes)
        self.folded_operations += cost
        for reference, array in zip(instruction.results, self.evaluate(instruction, arrays, results), strict=True):
            self._add_constant(reference, array)
        return True

    def _add_constant(self, reference: str, array: Array) -> None:
        core = stored_elements(array)
        key = ("constant", array.dtype.name, array.shape, core.shape, core.tobytes())
        earlier = self.known.setdefault(key, (reference,))
        if earlier[0] == reference:
            self.constants[reference] = array
            self._identify(reference, contiguous(reference, array.shape))
        else:
            self.aliases[reference] = earlier[0]


def _is_uniform(array: Array) -> bool:
    return array.size > 0 and not any(array.strides)


def _count(type: TensorType) -> int:
    return math.prod(concrete_shape(type))


def _stored_elements(op: Op, result: TensorType) -> int:
    """How many different elements a creation op has to store."""
    if isinstance(op, Iota):
        return concrete_shape(result)[op.axis]
    return 1 if isinstance(op, Full | DimSize) else _count(result)


def _without_idle_strides(layout: Layout) -> Layout:
    """The layout with stride 0 along axes of size 1, where the stride has no meaning."""
    strides = tuple(0 if size == 1 else stride for size, stride in zip(layout.shape, layout.strides, strict=True))
    return layout._replace(strides=strides)


def attribute_key(op: Op) -> Hashable:
    """The attributes of an op without symbols, so that two keys are equal just where the attributes are the same.

    `-0.0` and `0.0` differ, as do `1`, `1.0` and `True`; two NaNs are the same.
    """
    return tuple(_key(getattr(op, name)) for name in op.attributes)


def _key(value: Any) -> Hashable:
    if isinstance(value, tuple):
        return tuple(map(_key, cast("tuple[Any, ...]", value)))
    if isinstance(value, float):
        return "float", struct.pack("<d", value)
    if isinstance(value, Bytes):
        return "bytes", value.base64
    if value is None or isinstance(value, bool | int | str | Enum):
        return type(value), value
    raise TypeError(f"an attribute of type {type(value).__name__} cannot be compared")


def _drop_dead(program: Program) -> Program:
    needed = set(program.outputs.values())
    live: list[Instruction] = []
    for instruction in reversed(program.instructions):
        if needed.isdisjoint(instruction.results):
            continue
        live.append(instruction)
        needed.update(instruction.operands)
    live.reverse()
    constants = {reference: array for reference, array in program.constants.items() if reference in needed}
    return Program(program.types, program.sources, constants, live, program.outputs)
