"""Creation of arrays from attributes alone."""

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictStr, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from asg_schema.attributes import Axis, Scalar, Shape
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import MOST_AXES, TensorType

__all__ = ["MOST_CONSTANT_ELEMENTS", "Bytes", "Constant", "DimSize", "Full", "Iota", "check_shape"]

MOST_CONSTANT_ELEMENTS = 65_536
"""A larger array is not a constant but a parameter."""


def _as_dtype(value: object, dtype: DType) -> object:
    """`value` as the Python type that stands for `dtype`, so that 1 and 1.0 are one float."""
    if dtype.is_floating:
        if not isinstance(value, bool) and isinstance(value, int | float):
            if isinstance(value, float) and not math.isfinite(value):
                return value
            if abs(value) < dtype.overflow:
                return float(value)
            wanted = 'a number that does not overflow, or "inf" or "-inf",'
        else:
            wanted = "a number"
    elif dtype is DType.BOOL:
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    else:
        low, high = dtype.integer_range
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        wanted = f"an integer from {low} to {high}"
    raise PydanticCustomError("dtype_value", "{wanted} is needed for {dtype}", {"wanted": wanted, "dtype": dtype.value})


class Full(Op):
    """An array in which every element is `value`.

    A floating-point value is rounded to the dtype, to nearest, halves to even. Refused are an integer outside the
    dtype's range, a finite number that would become infinite, a value of another kind (a fraction for an integer, 1 for
    a bool), and a negative dim.
    """

    op: Literal["full"] = "full"
    dtype: DType = Field(description="The dtype of the result.")
    shape: Shape = Field(description="The shape of the result.")
    value: Scalar = Field(description="The value of every element, of the result's dtype.")

    @field_validator("value", mode="after")
    @classmethod
    def _typed(cls, value: object, info: ValidationInfo) -> object:
        dtype = info.data.get("dtype")
        return value if dtype is None else _as_dtype(value, dtype)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_shape(self.shape)
        return (TensorType(self.dtype, self.shape),)


def check_shape(shape: tuple[Dim, ...]) -> None:
    """Refuse an attribute `shape` with a dim below 0.

    Raises:
        RuleError: naming the dim.
    """
    for dim in shape:
        if isinstance(dim, int) and dim < 0:
            raise RuleError(f"a dim is at least 0, not {dim}", field="shape")


class Bytes(BaseModel):
    """Elements as little-endian bytes in row-major order, in base64. A bool is one byte, 0 or 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base64: StrictStr

    @field_validator("base64", mode="after")
    @classmethod
    def _decodable(cls, value: str) -> str:
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise PydanticCustomError("base64", "it is not valid base64") from None
        return value

    def decode(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.base64)


# Tags stand in Pydantic's error locations; with a blank in it, one is never mistaken for a field.
_ELEMENTS, _BYTES = "a list", "an object"


def _value_kind(value: object) -> str:
    return _BYTES if isinstance(value, dict | Bytes) else _ELEMENTS


Elements: TypeAlias = Annotated[tuple[Scalar, ...], Field(max_length=MOST_CONSTANT_ELEMENTS, fail_fast=True)]


class Constant(Op):
    """An array whose elements stand in the document, row-major: a flat list, or little-endian bytes in base64.

    There are exactly as many elements as the shape has, at most 65,536; larger arrays are parameters. Elements of a
    list follow the rules of `full`. In bytes, float16, bfloat16, float32 and float64 are their IEEE 754 formats
    (bfloat16 the upper half of a float32), integers two's complement, and a bool one byte, 0 or 1.
    """

    op: Literal["constant"] = "constant"
    dtype: DType = Field(description="The dtype of the result.")
    shape: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field(max_length=MOST_AXES, fail_fast=True)
    ] = Field(description="The shape of the result, without symbols.")
    value: Annotated[
        Annotated[Elements, Tag(_ELEMENTS)] | Annotated[Bytes, Tag(_BYTES)], Discriminator(_value_kind)
    ] = Field(description="The elements: a flat list, or an object with their bytes in base64.")

    @field_validator("value", mode="after")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        dtype = info.data.get("dtype")
        if dtype is None or isinstance(value, Bytes):
            return value
        return tuple(_as_dtype(element, dtype) for element in value)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        result = TensorType(self.dtype, self.shape)
        size = math.prod(self.shape)
        if isinstance(self.value, Bytes):
            given = len(self.value.decode())
            if given != (expected := size * self.dtype.itemsize):
                raise RuleError(f"value has {given} bytes; {result} needs {expected}", field="value")
            if self.dtype is DType.BOOL and not set(self.value.decode()) <= {0, 1}:
                raise RuleError("value has a byte that is neither 0 nor 1; a bool is one of these", field="value")
            if size > MOST_CONSTANT_ELEMENTS:
                raise RuleError(
                    f"value has {size} elements; a constant has at most {MOST_CONSTANT_ELEMENTS}", field="value"
                )
        elif len(self.value) != size:
            raise RuleError(f"value has {len(self.value)} elements; {result} needs {size}", field="value")
        return (result,)


class Iota(Op):
    """An array whose elements are their index along `axis`: 0, 1, 2 and so on.

    Integers wrap around; floating-point numbers are the index rounded to nearest, inf beyond their range. A result of
    rank 0 has no axis and is refused.
    """

    op: Literal["iota"] = "iota"
    dtype: DType = Field(description="The dtype of the result: a number.")
    shape: Shape = Field(description="The shape of the result.")
    axis: Axis = Field(default=0, description="The axis along which the elements count.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_shape(self.shape)
        if self.dtype is DType.BOOL:
            raise RuleError("a bool cannot count; a number is needed", field="dtype")
        rank = len(self.shape)
        if not -rank <= self.axis < rank:
            raise RuleError(f"axis {self.axis} is out of range for a result of rank {rank}", field="axis")
        return (TensorType(self.dtype, self.shape),)


class DimSize(Op):
    """The size of one axis of x, as a rank-0 int64; only the shape of x matters."""

    op: Literal["dim_size"] = "dim_size"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY, differentiable=False),)
    axis: Axis = Field(description="The axis to measure.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        self.axis_of(self.axis, operands[0].rank)
        return (TensorType(DType.INT64, ()),)
