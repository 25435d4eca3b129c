"""`GrowingDocument`: a random document while it grows, with a bound of how far two engines may differ in each value.

Its floats are multiples of 1/8 from -2 to 2 and what is computed from them; nothing grows beyond a few units. What is
only moved, chosen or compared is the same to the bit in every engine. Everything else has a bound: what its operands'
bounds give, and the roundings of its own op. A value that is far from certain goes into no other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype
from asg_schema.document import Input
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from op_samples.comparing import PRECISION

__all__ = ["SIZES", "GrowingDocument"]

SIZES: tuple[int, ...] = (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65)
"""Those around the widths of vectors, and those that are less than one."""

_MOST_ELEMENTS = 6_000
_UNCERTAIN = 0.04
_DTYPES = (
    (DType.FLOAT32,),
    (DType.FLOAT32,),
    (DType.FLOAT64,),
    (DType.FLOAT16,),
    (DType.BFLOAT16,),
    (DType.FLOAT32, DType.FLOAT64),
    (DType.FLOAT16, DType.FLOAT32),
    (DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64),
)
_INTEGERS = (DType.INT8, DType.INT32, DType.INT64, DType.UINT8, DType.UINT32)


@dataclass
class GrowingDocument:
    """The document so far.

    Attributes:
        random: what all choices are made with.
        editor: the graph.
        arrays: an array for each input.
        bounds: by how much engines may differ in a value that others may use; 0 where they may not.
    """

    random: Random
    editor: Editor = field(default_factory=Editor)
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])
    bounds: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.floating = self.random.choice(_DTYPES)
        self.sizes = self.random.sample(SIZES, 3)
        if self.random.random() < 0.1:
            self.sizes.append(0)
        self.finite = self.random.random() < 0.8
        self.generator = np.random.default_rng(self.random.randrange(2**32))

    def values(self, fits: Callable[[Value], bool] = lambda value: True) -> list[Value]:
        """The values so far for which `fits` holds."""
        return [value for name in self.bounds if fits(value := self.editor.value(name))]

    def some(self, fits: Callable[[Value], bool]) -> Value | None:
        """One of the values for which `fits` holds, late ones rather than early ones."""
        found = self.values(fits)
        return self.random.choice(found[-8:] if self.random.random() < 0.7 else found) if found else None

    def some_float(self) -> Value:
        """A float."""
        return self.some(lambda value: value.dtype.is_floating) or self.new_float()

    def some_exact(self) -> Value:
        """A float in which engines do not differ."""
        return self.some(lambda value: value.dtype.is_floating and not self.bounds[value.id]) or self.new_float()

    def some_integer(self) -> Value:
        """An integer."""
        return self.some(lambda value: value.dtype.is_integer) or self.new_integer(self.random.choice(_INTEGERS))

    def some_number(self) -> Value:
        """An integer, or a float in which engines do not differ."""
        return self.some_exact() if self.random.random() < 0.7 else self.some_integer()

    def some_shape(self, most_axes: int = 4) -> tuple[int, ...]:
        """A shape of the sizes that this document has."""
        shape = tuple(self.random.choice([*self.sizes, 1]) for _ in range(self.random.randint(0, most_axes)))
        return shape if math.prod(shape) <= _MOST_ELEMENTS else self.some_shape(most_axes)

    def new_float(self, shape: tuple[int, ...] | None = None, dtype: DType | None = None) -> Value:
        """An input of a few different numbers, among which may be NaN and infinities."""
        shape = self.some_shape() if shape is None else shape
        array = self.generator.integers(-16, 17, shape) / 8
        if not self.finite and self.random.random() < 0.5 and array.size:
            array.flat[self.random.randrange(array.size)] = self.random.choice([np.nan, np.inf, -np.inf])
        return self._input(array, dtype or self.random.choice(self.floating))

    def new_integer(self, dtype: DType, shape: tuple[int, ...] | None = None) -> Value:
        """An input of integers: small ones, or any that there are."""
        ends = np.iinfo(numpy_dtype(dtype))
        low, high = (max(-5, ends.min), 6) if self.random.random() < 0.5 else (ends.min, ends.max + 1)
        shape = self.some_shape() if shape is None else shape
        return self._input(self.generator.integers(low, high, shape, numpy_dtype(dtype)), dtype)

    def new_indices(self, size: int, shape: tuple[int, ...]) -> Value:
        """An input of indices into an axis, some of them from the end."""
        dtype = self.random.choice([DType.INT32, DType.INT64])
        return self._input(self.generator.integers(-size, size, shape), dtype)

    def new_key(self) -> Value:
        """An input that is a key of random numbers."""
        return self._input(self.generator.integers(0, 2**32, 2), DType.UINT32)

    def _input(self, array: Array, dtype: DType) -> Value:
        item = Input(id=f"x{len(self.arrays)}", dtype=dtype, shape=array.shape)
        self.arrays[item.id] = self._laid_out(array.astype(numpy_dtype(dtype)))
        self.bounds[item.id] = 0.0
        return self.editor.add_input(item)

    def _laid_out(self, array: Array) -> Array:
        """The same elements, one after another in memory or not."""
        kind = self.random.randrange(4)
        if kind == 0 and array.ndim:
            return np.asfortranarray(array)
        if kind == 1 and array.ndim:
            return np.repeat(array, 2, axis=-1)[..., ::2]
        if kind == 2 and array.ndim:
            return np.ascontiguousarray(array[::-1])[::-1]
        return array

    def keep(self, result: Value, *operands: Value, roundings: float = 0.0, gain: float = 1.0) -> None:
        """Let others use a value, and outputs be it.

        Args:
            result: the value.
            operands: what it was computed from.
            roundings: in units of its dtype's eps, how far engines may differ for equal operands.
            gain: how much larger a difference in the operands may become.
        """
        bound = gain * sum(self.bounds[operand.id] for operand in operands)
        if result.dtype.is_floating:
            bound += roundings * PRECISION[result.dtype][0]
        if bound <= _UNCERTAIN and math.prod(concrete_shape(result.type)) <= _MOST_ELEMENTS:
            self.bounds[result.id] = bound
