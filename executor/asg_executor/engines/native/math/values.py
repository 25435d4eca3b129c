"""Numbers inside a native function under construction, so that formulas read as formulas.

Arithmetic on a `Real`, an `Integer` or a `Condition` appends an instruction. None carries a fast-math flag: a product
and a sum become one rounding only where `fma` is written, so that a function has the same bits in the vector part of a
loop, in what is left over, and on every thread. Nothing branches; `select` computes both and takes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, overload

from llvmlite import ir

from asg_schema.dtype import DType

__all__ = [
    "FLOAT32",
    "FLOAT64",
    "Condition",
    "FloatFormat",
    "Integer",
    "Number",
    "Real",
    "absolute",
    "ceil",
    "copysign",
    "floor",
    "fma",
    "larger",
    "rint",
    "select",
    "smaller",
    "sqrt",
    "with_sign_of",
]


@dataclass(frozen=True)
class FloatFormat:
    """A binary format of IEEE 754: a sign bit, the exponent, and the fraction's bits.

    Attributes:
        dtype: its name.
        bits: the width of a number.
        fraction_bits: how many of them hold the fraction, without the leading 1.
    """

    dtype: DType
    bits: int
    fraction_bits: int

    @cached_property
    def type(self) -> ir.Type:
        """LLVM's type of these numbers."""
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()

    @cached_property
    def bias(self) -> int:
        """What is added to the exponent of a number that is stored; also the largest exponent."""
        return (1 << (self.bits - self.fraction_bits - 2)) - 1

    @cached_property
    def smallest_normal(self) -> float:
        """Below this the fraction has fewer bits."""
        return 2.0 ** (1 - self.bias)

    @cached_property
    def suffix(self) -> str:
        """What LLVM appends to the name of an intrinsic function of these numbers."""
        return f"f{self.bits}"


FLOAT32 = FloatFormat(DType.FLOAT32, bits=32, fraction_bits=23)
FLOAT64 = FloatFormat(DType.FLOAT64, bits=64, fraction_bits=52)

Number: TypeAlias = "Real | float"


@dataclass(frozen=True)
class Condition:
    """A truth value in a function under construction."""

    builder: ir.IRBuilder
    value: ir.Value

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(self.builder, self.builder.or_(self.value, other.value))

    def __xor__(self, other: "Condition") -> "Condition":
        return Condition(self.builder, self.builder.xor(self.value, other.value))

    def __invert__(self) -> "Condition":
        return Condition(self.builder, self.builder.not_(self.value))


@dataclass(frozen=True)
class Integer:
    """An integer as wide as the numbers of a float format; arithmetic wraps around, and `>>` keeps the sign."""

    builder: ir.IRBuilder
    value: ir.Value
    format: FloatFormat

    def coerced(self, other: "Integer | int") -> "Integer":
        """The other, or the constant that it says."""
        return other if isinstance(other, Integer) else self.result(ir.IntType(self.format.bits)(other))

    def result(self, value: ir.Value) -> "Integer":
        """A value that LLVM's builder returned, as an integer of this width."""
        return Integer(self.builder, value, self.format)

    def __add__(self, other: "Integer | int") -> "Integer":
        return self.result(self.builder.add(self.value, self.coerced(other).value))

    def __sub__(self, other: "Integer | int") -> "Integer":
        return self.result(self.builder.sub(self.value, self.coerced(other).value))

    def __and__(self, other: "Integer | int") -> "Integer":
        return self.result(self.builder.and_(self.value, self.coerced(other).value))

    def __or__(self, other: "Integer | int") -> "Integer":
        return self.result(self.builder.or_(self.value, self.coerced(other).value))

    def __xor__(self, other: "Integer | int") -> "Integer":
        return self.result(self.builder.xor(self.value, self.coerced(other).value))

    def __neg__(self) -> "Integer":
        return self.result(self.builder.neg(self.value))

    def __lshift__(self, count: int) -> "Integer":
        return self.result(self.builder.shl(self.value, self.coerced(count).value))

    def __rshift__(self, count: int) -> "Integer":
        return self.result(self.builder.ashr(self.value, self.coerced(count).value))

    def equals(self, other: "Integer | int") -> Condition:
        """Whether the two are equal."""
        return Condition(self.builder, self.builder.icmp_signed("==", self.value, self.coerced(other).value))

    def __lt__(self, other: "Integer | int") -> Condition:
        return Condition(self.builder, self.builder.icmp_signed("<", self.value, self.coerced(other).value))

    def __gt__(self, other: "Integer | int") -> Condition:
        return Condition(self.builder, self.builder.icmp_signed(">", self.value, self.coerced(other).value))

    def as_real(self) -> "Real":
        """The number that has these bits."""
        return Real(self.builder, self.builder.bitcast(self.value, self.format.type), self.format)

    def to_real(self) -> "Real":
        """The number nearest to this integer."""
        return Real(self.builder, self.builder.sitofp(self.value, self.format.type), self.format)


@dataclass(frozen=True)
class Real:
    """A floating-point number in a function under construction."""

    builder: ir.IRBuilder
    value: ir.Value
    format: FloatFormat

    def constant(self, number: float) -> "Real":
        """A number of the same format, rounded to nearest."""
        return Real(self.builder, ir.Constant(self.format.type, number), self.format)

    def coerced(self, other: Number) -> "Real":
        """The other, or the constant of this format that it says."""
        return other if isinstance(other, Real) else self.constant(other)

    def result(self, value: ir.Value) -> "Real":
        """A value that LLVM's builder returned, as a number of this format."""
        return Real(self.builder, value, self.format)

    def __add__(self, other: Number) -> "Real":
        return self.result(self.builder.fadd(self.value, self.coerced(other).value))

    def __radd__(self, other: float) -> "Real":
        return self.coerced(other) + self

    def __sub__(self, other: Number) -> "Real":
        return self.result(self.builder.fsub(self.value, self.coerced(other).value))

    def __rsub__(self, other: float) -> "Real":
        return self.coerced(other) - self

    def __mul__(self, other: Number) -> "Real":
        return self.result(self.builder.fmul(self.value, self.coerced(other).value))

    def __rmul__(self, other: float) -> "Real":
        return self.coerced(other) * self

    def __truediv__(self, other: Number) -> "Real":
        return self.result(self.builder.fdiv(self.value, self.coerced(other).value))

    def __rtruediv__(self, other: float) -> "Real":
        return self.coerced(other) / self

    def __neg__(self) -> "Real":
        return self.result(self.builder.fneg(self.value))

    def _compared(self, relation: str, other: Number) -> Condition:
        return Condition(self.builder, self.builder.fcmp_ordered(relation, self.value, self.coerced(other).value))

    def __lt__(self, other: Number) -> Condition:
        return self._compared("<", other)

    def __le__(self, other: Number) -> Condition:
        return self._compared("<=", other)

    def __gt__(self, other: Number) -> Condition:
        return self._compared(">", other)

    def __ge__(self, other: Number) -> Condition:
        return self._compared(">=", other)

    def equals(self, other: Number) -> Condition:
        """Whether the two are equal; NaN equals nothing."""
        return self._compared("==", other)

    def is_nan(self) -> Condition:
        """Whether this is NaN."""
        return Condition(self.builder, self.builder.fcmp_unordered("uno", self.value, self.value))

    def bits(self) -> Integer:
        """The bits of the number, as an integer."""
        return Integer(self.builder, self.builder.bitcast(self.value, ir.IntType(self.format.bits)), self.format)

    def is_negative(self) -> Condition:
        """Whether the sign bit is set: of -0 and of some NaN, too."""
        return self.bits() < 0

    def to(self, target: FloatFormat) -> "Real":
        """The number in another format, rounded to nearest."""
        if target == self.format:
            return self
        convert = self.builder.fpext if target.bits > self.format.bits else self.builder.fptrunc
        return Real(self.builder, convert(self.value, target.type), target)


@overload
def select(condition: Condition, first: Real, second: Number) -> Real: ...
@overload
def select(condition: Condition, first: float, second: Real) -> Real: ...
@overload
def select(condition: Condition, first: Integer | int, second: Integer) -> Integer: ...
@overload
def select(condition: Condition, first: Integer, second: int) -> Integer: ...
def select(condition: Condition, first: Real | Integer | float, second: Real | Integer | float) -> Real | Integer:
    """The first where the condition holds, else the second; both are computed.

    Args:
        condition: what is decided by.
        first: a number or an integer; it may be a constant where the second is none.
        second: of the first's kind.

    Returns:
        The one that was taken.

    Raises:
        TypeError: the two are of different kinds, or both constants.
    """
    chosen = condition.builder.select
    for sample in (first, second):
        if isinstance(sample, Real) and not isinstance(first, Integer) and not isinstance(second, Integer):
            return sample.result(chosen(condition.value, sample.coerced(first).value, sample.coerced(second).value))
        if isinstance(sample, Integer) and not isinstance(first, Real | float) and not isinstance(second, Real | float):
            return sample.result(chosen(condition.value, sample.coerced(first).value, sample.coerced(second).value))
    raise TypeError(f"one of {first!r} and {second!r} cannot be selected")


def _intrinsic(name: str, arguments: Sequence[Real]) -> Real:
    """A call of a function that the processor has an instruction for."""
    first = arguments[0]
    module = first.builder.module
    full_name = f"llvm.{name}.{first.format.suffix}"
    function = module.globals.get(full_name)
    if function is None:
        signature = ir.FunctionType(first.format.type, [first.format.type] * len(arguments))
        function = ir.Function(module, signature, full_name)
    return first.result(first.builder.call(function, [argument.value for argument in arguments]))


def fma(a: Real, b: Number, c: Number) -> Real:
    """The sum a · b + c, rounded once."""
    return _intrinsic("fma", [a, a.coerced(b), a.coerced(c)])


def sqrt(x: Real) -> Real:
    """The square root, correctly rounded."""
    return _intrinsic("sqrt", [x])


def absolute(x: Real) -> Real:
    """|x|, by clearing the sign bit."""
    return _intrinsic("fabs", [x])


def floor(x: Real) -> Real:
    """The largest integer that is at most x."""
    return _intrinsic("floor", [x])


def ceil(x: Real) -> Real:
    """The smallest integer that is at least x."""
    return _intrinsic("ceil", [x])


def rint(x: Real) -> Real:
    """The nearest integer, halves to the even one."""
    return _intrinsic("rint", [x])


def copysign(x: Real, sign: Real) -> Real:
    """|x| with the sign bit of another number."""
    return _intrinsic("copysign", [x, sign])


def with_sign_of(x: Real, sign: Real) -> Real:
    """X, negated where the sign bit of another number is set."""
    mask = -(1 << (x.format.bits - 1))
    return (x.bits() ^ (sign.bits() & mask)).as_real()


def smaller(x: Real, bound: Number) -> Real:
    """The smaller of x and a bound that is not NaN; NaN where x is."""
    return select(x.coerced(bound) < x, x.coerced(bound), x)


def larger(x: Real, bound: Number) -> Real:
    """The larger of x and a bound that is not NaN; NaN where x is."""
    return select(x.coerced(bound) > x, x.coerced(bound), x)
