"""The dtypes of the format."""

from enum import StrEnum
from functools import cached_property

__all__ = ["DType"]


class DType(StrEnum):
    """An element type. Its value is its name in a document: `"float32"`."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT8 = "int8"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT32 = "uint32"
    BOOL = "bool"

    # A dtype is compared as the string that it is; hashed so as well, it needs no call into Python.
    __hash__ = str.__hash__

    @cached_property
    def is_floating(self) -> bool:
        """Whether this is a real floating-point type, so that a value of it can be differentiated."""
        return self.value in ("float16", "bfloat16", "float32", "float64")

    @cached_property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type; bool is not."""
        return not self.is_floating and self is not DType.BOOL

    @cached_property
    def is_unsigned(self) -> bool:
        """Whether this is an unsigned integer type."""
        return self.value.startswith("uint")

    @cached_property
    def bits(self) -> int:
        """The width of an element in bits; a bool takes 8."""
        return 8 if self is DType.BOOL else int(self.value.lstrip("abcdefghijklmnopqrstuvwxyz"))

    @cached_property
    def itemsize(self) -> int:
        """The width of an element in bytes."""
        return self.bits // 8

    @cached_property
    def precision(self) -> int:
        """The bits of a floating-point type's significand: it holds every integer up to 2 to this power.

        Raises:
            ValueError: the type is not a floating-point type.
        """
        if not self.is_floating:
            raise ValueError(f"{self.value} is not a floating-point dtype")
        return {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[self.value]

    @cached_property
    def overflow(self) -> int:
        """The least magnitude that a floating-point type rounds to infinity.

        Raises:
            ValueError: the type is not a floating-point type.
        """
        exponent = 2 ** (self.bits - self.precision - 1) - 1
        return 2 ** (exponent + 1) - 2 ** (exponent - self.precision)

    @cached_property
    def smallest_normal(self) -> float:
        """The smallest number above 0 that a floating-point type holds with all its digits.

        Raises:
            ValueError: the type is not a floating-point type.
        """
        return 2.0 ** (2 - 2 ** (self.bits - self.precision - 1))

    @cached_property
    def integer_range(self) -> tuple[int, int]:
        """The smallest and the largest value of an integer type.

        Raises:
            ValueError: the type is not an integer type.
        """
        if not self.is_integer:
            raise ValueError(f"{self.value} is not an integer dtype")
        return (0, 2**self.bits - 1) if self.is_unsigned else (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1)
