"""Which of the values of a growing document an op is applied to."""

import math
from collections.abc import Callable

import numpy as np

from asg_executor.plan.arrays import concrete_shape
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.elementwise import (
    StopGradient,
)
from executor.native.growing_document import GrowingDocument

__all__ = ["has_axes", "is_exact", "is_float", "is_number", "partner", "shape_of", "some_with_axes", "without_kink"]


def shape_of(x: Value) -> tuple[int, ...]:
    """How many elements along each axis."""
    return concrete_shape(x.type)


def has_axes(x: Value) -> bool:
    """Whether it has axes, and elements along them."""
    return x.rank > 0 and math.prod(shape_of(x)) > 0


def some_with_axes(growing: GrowingDocument, fits: Callable[[Value], bool]) -> Value | None:
    """A value that has axes and elements."""
    return growing.some(lambda value: has_axes(value) and fits(value))


def is_float(x: Value) -> bool:
    """Whether it is of floats."""
    return x.dtype.is_floating


def is_number(x: Value) -> bool:
    """Whether it is of floats or integers."""
    return x.dtype is not DType.BOOL


def is_exact(growing: GrowingDocument) -> Callable[[Value], bool]:
    """Of a value, whether it is of numbers in which engines do not differ."""
    return lambda value: is_number(value) and growing.bounds[value.id] == 0


def partner(growing: GrowingDocument, x: Value) -> Value:
    """A value of the dtype of x that broadcasts with it."""

    def fits(y: Value) -> bool:
        try:
            shape = np.broadcast_shapes(shape_of(x), shape_of(y))
        except ValueError:
            return False
        return y.dtype is x.dtype and math.prod(shape) <= 6_000

    return growing.some(fits) or x


def without_kink(growing: GrowingDocument, x: Value) -> Value:
    """x, without its derivative where engines differ in x, which may stand on either side of a kink."""
    if not growing.bounds[x.id]:
        return x
    stopped = StopGradient.of(x)
    growing.bounds[stopped.id] = growing.bounds[x.id]
    return stopped
