"""Rewrites of what is computed from constants alone, in the very bits that an executor would compute."""

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from asg_autograd.rewrites.exact_arithmetic import COMPUTED, Scalar, computed
from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import LogicalAnd, LogicalOr
from asg_schema.ops.creation import Bytes, Constant, DimSize, Full
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, PermuteDims, Reshape, Slice

__all__: list[str] = []

_MOST_ELEMENTS = 256
"""A constant with more elements is left as it is: to compute with many numbers is the executor's part."""

_FORMATS = {
    DType.FLOAT16: "e",
    DType.FLOAT32: "f",
    DType.FLOAT64: "d",
    DType.INT8: "b",
    DType.INT32: "i",
    DType.INT64: "q",
    DType.UINT8: "B",
    DType.UINT32: "I",
    DType.BOOL: "?",
}


class _Known(NamedTuple):
    """A small array whose elements are known.

    Attributes:
        elements: row-major; of a `full` just one, whatever its shape.
        shape: the shape; of a `full` that of a scalar, because it broadcasts.
    """

    elements: tuple[Scalar, ...]
    shape: tuple[int, ...]


def _known(value: Value, at: Candidate) -> _Known | None:
    definition = at.definition(value)
    if isinstance(definition, Full):
        return _Known((definition.value,), ())
    if isinstance(definition, Constant) and math.prod(definition.shape) <= _MOST_ELEMENTS:
        return _Known(_elements(definition), definition.shape)
    return None


def _elements(constant: Constant) -> tuple[Scalar, ...]:
    if not isinstance(constant.value, Bytes):
        return constant.value
    content = constant.value.decode()
    if constant.dtype is DType.BFLOAT16:  # the upper half of a binary32
        content = b"".join(b"\0\0" + content[place : place + 2] for place in range(0, len(content), 2))
    letter = _FORMATS.get(constant.dtype, "f")
    return struct.unpack(f"<{len(content) // struct.calcsize(letter)}{letter}", content)


def _made(elements: Sequence[Scalar], at: Candidate) -> Value:
    """The constant of the type of the result with these elements."""
    if len({(type(element), repr(element)) for element in elements}) == 1:
        return at.fill(elements[0])
    attributes = {"dtype": at.result.dtype, "shape": at.result.shape, "value": tuple(elements)}
    return at.editor.emit(Constant, (), attributes)[0]


def _small(shape: Sequence[Dim]) -> tuple[int, ...] | None:
    """A shape without symbols and of at least one element and not too many; None for every other."""
    sizes = _integers(shape)
    return sizes if sizes is not None and 0 < math.prod(sizes) <= _MOST_ELEMENTS else None


def _integers(dims: Sequence[Dim]) -> tuple[int, ...] | None:
    sizes = tuple(dim for dim in dims if isinstance(dim, int))
    return sizes if len(sizes) == len(dims) else None


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    """How far apart the neighbours along each axis are in a row-major array."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _places(start: int, shape: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The places of all elements of an array that lies in memory so, row-major."""
    places = [start]
    for size, stride in zip(shape, strides, strict=True):
        places = [place + index * stride for place in places for index in range(size)]
    return places


def _broadcast(known: _Known, shape: Sequence[int]) -> list[Scalar]:
    """The elements after the array was broadcast to `shape`."""
    added = len(shape) - len(known.shape)
    strides = [0 if size == 1 else stride for size, stride in zip(known.shape, _strides(known.shape), strict=True)]
    return [known.elements[place] for place in _places(0, shape, (*(0,) * added, *strides))]


@rewrite(*COMPUTED, of=(Full, Constant))
def constant_elements(node: Op, at: Candidate) -> Value | None:
    """What an element-wise op makes of constants is constant.

    Requires constants of at most 256 elements, or of one repeated number, and for each element a result that is the
    same on every executor: see `exact_arithmetic`.
    """
    operands: list[_Known] = []
    for operand in at.operands:
        known = _known(operand, at)
        if known is None:
            return None
        operands.append(known)
    dtypes, result = [operand.dtype for operand in at.operands], at.result.dtype
    if all(not known.shape for known in operands):
        value = computed(node, [known.elements[0] for known in operands], dtypes, result)
        return None if value is None else at.fill(value)
    shape = _small(at.result.shape)
    if shape is None:
        return None
    elements: list[Scalar] = []
    for values in zip(*(_broadcast(known, shape) for known in operands), strict=True):
        value = computed(node, values, dtypes, result)
        if value is None:
            return None
        elements.append(value)
    return _made(elements, at)


@rewrite(Constant)
def constant_of_one_number(node: Constant, at: Candidate) -> Value | None:
    """A small constant whose elements are all the same is a `full`."""
    if not 0 < math.prod(node.shape) <= _MOST_ELEMENTS:
        return None
    elements = _elements(node)
    return at.fill(elements[0]) if len({repr(element) for element in elements}) == 1 else None


@rewrite(DimSize)
def size_of_known_axis(node: DimSize, at: Candidate) -> Value | None:
    """The size of an axis without a symbol is constant."""
    dim = at.x.shape[node.axis]
    return at.fill(dim) if isinstance(dim, int) else None


@rewrite(Reshape, BroadcastTo, PermuteDims, Slice, Flip, of=(Full,))
def layout_of_one_number(node: Op, at: Candidate) -> Value | None:
    """One number, repeated, is that number repeated in whatever shape it is brought to."""
    value = at.constant(at.x)
    return None if value is None else at.fill(value)


@rewrite(Concat, of=(Full,))
def concat_of_one_number(node: Concat, at: Candidate) -> Value | None:
    """Arrays of one and the same number, joined, are that number repeated."""
    values = [at.constant(operand) for operand in at.operands]
    first = values[0]
    if first is None or any(value is None or repr(value) != repr(first) for value in values):
        return None
    return at.fill(first)


@rewrite(Reshape, BroadcastTo, PermuteDims, Slice, Flip, of=(Constant,))
def layout_of_constant(node: Op, at: Candidate) -> Value | None:
    """What is moved of a constant is constant. Requires operand and result of at most 256 elements."""
    known, shape = _known(at.x, at), _small(at.result.shape)
    if known is None or shape is None:
        return None
    if isinstance(node, Reshape):
        return _made(known.elements, at)
    if isinstance(node, BroadcastTo):
        return _made(_broadcast(known, shape), at)
    start, strides = 0, list(_strides(known.shape))
    if isinstance(node, PermuteDims):
        strides = [strides[axis] for axis in node.axes]
    elif isinstance(node, Flip):
        for axis in node.axes_of(node.axis, len(strides)):
            start += (shape[axis] - 1) * strides[axis]
            strides[axis] = -strides[axis]
    elif isinstance(node, Slice):
        first = _integers(node.start)
        if first is None:
            return None
        start = sum(index * stride for index, stride in zip(first, strides, strict=True))
        strides = [stride * step for stride, step in zip(strides, node.step or (1,) * len(strides), strict=True)]
    return _made([known.elements[place] for place in _places(start, shape, strides)], at)


@rewrite(LogicalAnd, LogicalOr, of=(Full,))
def logic_with_constant(node: LogicalAnd | LogicalOr, at: Candidate) -> Value | None:
    """Rewrite `x and true`, and `x or false`, as x, which requires that x has the type of the result.

    `x and false` is false, and `x or true` is true.
    """
    neutral = isinstance(node, LogicalAnd)
    for x, other in (at.operands, at.operands[::-1]):
        value = at.constant(other)
        if value is None:
            continue
        if value is not neutral:
            return at.fill(value)
        if x.type == at.result:
            return x
    return None
