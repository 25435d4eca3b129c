"""Numbers of common distributions, made of `rng_bits`: a function of the key, and without a derivative.

The bits, and what is made of them, are those of `jax.random` with a threefry key and `jax_threefry_partitionable`, so
that both draw the same numbers. All begin with u, uniform in [0, 1): a multiple of 2⁻ᵐ, where m is the number of bits
that the dtype's significand has after the point (7 for bfloat16, 10 for float16, 23 for float32, 52 for float64). It is
the top m bits of the lowest 8, 16 or 32 bits of an element of rng_bits (bfloat16, float16, float32), or for float64 of
the 64 bits that the words "first" and "second" make together.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis, Number, Shape
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.dims import Dim, format_shape
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import narrow, widen, widened
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Less
from asg_schema.ops.creation import check_shape
from asg_schema.ops.elementwise import Astype, Remainder
from asg_schema.ops.elementwise_functions import Erfinv, Log
from asg_schema.ops.random import RngBits, check_key
from asg_schema.ops.reduction import Argmax
from asg_schema.tensor_type import TensorType

__all__ = ["Bernoulli", "Categorical", "Normal", "Uniform"]

_KEY = Operand("key", DTypeGroup.UINT32, variable="K", differentiable=False)


def _units(key: Value, shape: tuple[Dim, ...], dtype: DType) -> Value:
    """The numbers u of the module's heading, in `dtype`, or in float32 where `dtype` has half precision.

    Every step is exact: the integers have no more bits than a significand holds.
    """
    digits = dtype.precision - 1
    if dtype is DType.FLOAT64:
        first, second = (RngBits.of(key, shape=shape, word=word) for word in ("first", "second"))
        low = _top_bits(second, 32, digits - 32)
        return Astype.of(first, dtype=dtype) * 2.0**-32 + Astype.of(low, dtype=dtype) * 2.0**-64
    # JAX draws as many bits as the dtype has; only 8 where those suffice for the significand.
    width = 8 if dtype is DType.BFLOAT16 else dtype.bits
    bits = RngBits.of(key, shape=shape)
    if width < 32:
        bits = Remainder.of(bits, bits.scalar(2**width))
    return Astype.of(_top_bits(bits, width, digits), dtype=widened(dtype)) * 2.0**-width


def _top_bits(bits: Value, width: int, count: int) -> Value:
    """Integers of `width` bits with all but the top `count` bits set to 0."""
    return bits - Remainder.of(bits, bits.scalar(2 ** (width - count)))


class _Drawn(Composite):
    """The result has the shape and dtype of the attributes."""

    operands: ClassVar[tuple[Operand, ...]] = (_KEY,)
    shape: Shape = Field(description="The shape of the result.")
    dtype: DType = Field(default=DType.FLOAT32, description="The dtype of the result: a floating-point one.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_key(operands[0], 0)
        check_shape(self.shape)
        if not self.dtype.is_floating:
            raise RuleError(f"dtype is {self.dtype.value}; a floating-point dtype is needed", field="dtype")
        return (TensorType(self.dtype, self.shape),)

    def _check_number(self, field: str, value: float) -> None:
        if not math.isfinite(value):
            raise RuleError(f"{field} is {value}; a finite number is needed", field=field)
        if abs(value) >= self.dtype.overflow:
            raise RuleError(f"{field} is {value}, which overflows {self.dtype.value}", field=field)


class Uniform(_Drawn):
    """Independent numbers, uniform in [low, high): low + u · (high - low), with u as above.

    A result may round up to `high`. With low 0 and high 1 it is u itself, and those numbers are those of
    `jax.random.uniform` to the last bit. float16 and bfloat16 are computed in float32 and rounded once; their u has few
    values, 1024 and 128.
    """

    op: Literal["uniform"] = "uniform"
    low: Number = Field(default=0.0, description="The lower bound; finite.")
    high: Number = Field(default=1.0, description="The upper bound; finite and at least `low`.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        result = super().infer(operands)
        self._check_number("low", self.low)
        self._check_number("high", self.high)
        if self.low > self.high:
            raise RuleError(f"low is {self.low} and high {self.high}; low ≤ high is needed", field="low")
        if self.high - self.low >= widened(self.dtype).overflow:
            raise RuleError(
                f"high - low is {self.high - self.low}, which overflows {widened(self.dtype).value}", field="high"
            )
        return result

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        u = _units(operands[0], self.shape, self.dtype)
        if (self.low, self.high) != (0.0, 1.0):
            low, high = u.scalar(self.low), u.scalar(self.high)
            u = u * (high - low) + low
        return (narrow(u, self.dtype),)


class Normal(_Drawn):
    """Independent numbers of the normal distribution: mean + std · √2 · erfinv(v), v = 2u - 1 + 2⁻⁽ᵐ⁺¹⁾.

    u and m are as above; v is exact, lies in (-1, 1) and is never ±1, so that every result is finite. With mean 0 and
    std 1 these are the numbers of `jax.random.normal`, up to rounding. float16 and bfloat16 are computed in float32 and
    rounded once; v has few values in them, 1024 and 128, so that no result is further than 3.5 and 2.9 std from the
    mean: draw float32 and convert where that matters.
    """

    op: Literal["normal"] = "normal"
    mean: Number = Field(default=0.0, description="The mean; finite.")
    std: Number = Field(default=1.0, description="The standard deviation; finite and at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        result = super().infer(operands)
        self._check_number("mean", self.mean)
        self._check_number("std", self.std)
        if self.std < 0:
            raise RuleError(f"std is {self.std}; a number of at least 0 is needed", field="std")
        return result

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        u = _units(operands[0], self.shape, self.dtype)
        result = Erfinv.of(u * 2.0 - (1.0 - 2.0**-self.dtype.precision)) * math.sqrt(2)
        if self.std != 1:
            result = result * self.std
        if self.mean != 0:
            result = result + self.mean
        return (narrow(result, self.dtype),)


class Bernoulli(Composite):
    """True with probability p, independently for each element: u < p, with u of the dtype of p.

    p outside [0, 1] counts as the bound that it is beyond; NaN yields False. float16 and bfloat16 are widened to
    float32 first, because a u of few bits would be true too often. These are the results of `jax.random.bernoulli` for
    float32 and float64.
    """

    op: Literal["bernoulli"] = "bernoulli"
    operands: ClassVar[tuple[Operand, ...]] = (_KEY, Operand("p", differentiable=False))
    shape: Shape | None = Field(
        default=None, description="The shape of the result, to which p broadcasts; absent: that of p."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        key, p = operands
        check_key(key, 0)
        if self.shape is None:
            return (TensorType(DType.BOOL, p.shape),)
        _check_sample_shape(self.shape, p.shape, "the shape of {1}")
        return (TensorType(DType.BOOL, self.shape),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        key, p = operands
        wide = widen(p)
        shape = p.shape if self.shape is None else self.shape
        return (Less.of(_units(key, shape, wide.dtype), wide),)


class Categorical(Composite):
    """A class drawn with the probabilities softmax(logits) along `axis`, int64: argmax of logits + Gumbel noise.

    The noise is -log(-log(u + t)), drawn for each element of the result and each class, where u has the dtype of the
    logits and t is its smallest normal number, so that the logarithm of 0 is never taken (Gumbel, 1954). A class whose
    logit is -inf is drawn only where all are, and then the first is. float16 and bfloat16 are widened to float32 first,
    because their u has too few values. These are the results of `jax.random.categorical` for float32 and float64, but
    where two classes are equal up to rounding.
    """

    op: Literal["categorical"] = "categorical"
    operands: ClassVar[tuple[Operand, ...]] = (_KEY, Operand("logits", differentiable=False))
    axis: Axis = Field(default=-1, description="The axis of the classes.")
    shape: Shape | None = Field(
        default=None,
        description="The shape of the result, to which that of the logits without `axis` broadcasts; absent: that.",
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        key, logits = operands
        check_key(key, 0)
        axis = self.axis_of(self.axis, logits.rank, operand=1)
        if logits.shape[axis] == 0:
            raise RuleError(f"{{1}} has no class along axis {axis}; at least one is needed", operand=1)
        batch = _without(logits.shape, axis)
        if self.shape is None:
            return (TensorType(DType.INT64, batch),)
        _check_sample_shape(self.shape, batch, f"the shape of {{1}} without axis {axis}, {format_shape(batch)},")
        return (TensorType(DType.INT64, self.shape),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        key, logits = operands
        wide = widen(logits)
        axis = self.axis % logits.rank
        batch = _without(logits.shape, axis)
        shape = batch if self.shape is None else self.shape
        place = len(shape) - len(batch) + axis
        u = _units(key, (*shape[:place], logits.shape[axis], *shape[place:]), wide.dtype)
        noise = -Log.of(-Log.of(u + wide.dtype.smallest_normal))
        return (Argmax.of(noise + wide, axis=axis - logits.rank),)


def _without(shape: tuple[Dim, ...], axis: int) -> tuple[Dim, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _check_sample_shape(shape: tuple[Dim, ...], needed: tuple[Dim, ...], what: str) -> None:
    """Refuse a shape of the result to which `needed` does not broadcast."""
    check_shape(shape)
    try:
        fits = broadcast_shapes((shape, needed)) == shape
    except RuleError:
        fits = False
    if not fits:
        raise RuleError(f"shape is {format_shape(shape)}; one to which {what} broadcasts is needed", field="shape")
