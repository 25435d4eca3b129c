"""What a random document grows by: ops that take many elements to one, and those that look elements up."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from asg_schema.composites.reduction import LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.composites.reduction_products import CumulativeProd
from asg_schema.composites.window import AvgPool
from asg_schema.editing import Value
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd
from asg_schema.ops.layout import (
    DynamicSlice,
    DynamicUpdateSlice,
)
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Sum
from asg_schema.ops.reduction_ordering import Argsort, Sort
from asg_schema.ops.window import Conv, MaxPool, WindowSum
from executor.native.growing_document import GrowingDocument
from executor.native.operand_choice import (
    is_exact,
    is_float,
    is_number,
    shape_of,
    some_with_axes,
    without_kink,
)

__all__ = [
    "addition_at",
    "along_an_axis",
    "extreme",
    "lookup",
    "order",
    "place_of_extreme",
    "product",
    "reduction",
    "sum_of_integers",
    "windows",
]

_OfOne: TypeAlias = Callable[[Value], Value]
_OfTwo: TypeAlias = Callable[[Value, Value], Value]


def _some_axes(growing: GrowingDocument, x: Value) -> list[int]:
    return sorted(growing.random.sample(range(x.rank), growing.random.randint(0, x.rank)))


def reduction(growing: GrowingDocument) -> None:
    """A sum, which is scaled, or a function of one, over any axes."""
    x = growing.some_float()
    axes, keepdims = _some_axes(growing, x), growing.random.random() < 0.6
    count = math.prod(shape_of(x)[axis] for axis in axes)
    if not count:
        growing.keep(Sum.of(x, axis=axes, keepdims=keepdims))
        return
    makes: list[_OfOne] = [
        lambda x: Sum.of(x, axis=axes, keepdims=keepdims) * (1 / count),
        lambda x: Mean.of(x, axis=axes, keepdims=keepdims),
        lambda x: Var.of(x, axis=axes, keepdims=keepdims),
        lambda x: Logsumexp.of(x, axis=axes, keepdims=keepdims) * 0.25,
        lambda x: Sum.of(x * x * (0.25 / count), axis=axes, keepdims=keepdims),
    ]
    growing.keep(growing.random.choice(makes)(x), x, roundings=4, gain=2)


def extreme(growing: GrowingDocument) -> None:
    """The largest or the smallest element over any axes."""
    x = growing.some_float() if growing.random.random() < 0.7 else growing.some_integer()
    if 0 in shape_of(x):
        return
    op: type[Max] | type[Min] = growing.random.choice([Max, Min])
    x = without_kink(growing, x)
    growing.keep(op.of(x, axis=_some_axes(growing, x), keepdims=growing.random.random() < 0.6), x)


def place_of_extreme(growing: GrowingDocument) -> None:
    """Where the largest or the smallest element stands."""
    x = some_with_axes(growing, is_exact(growing))
    if x is not None:
        op: type[Argmax] | type[Argmin] = growing.random.choice([Argmax, Argmin])
        axis = growing.random.choice([None, *range(x.rank)])
        growing.keep(op.of(x, axis=axis, keepdims=growing.random.random() < 0.5), x)


def sum_of_integers(growing: GrowingDocument) -> None:
    """A sum, a product, or the running ones."""
    x = growing.some_integer()
    op: Any = growing.random.choice([Sum, Prod, CumulativeSum, CumulativeProd])
    if op in (Sum, Prod):
        growing.keep(op.of(x, axis=_some_axes(growing, x), keepdims=growing.random.random() < 0.5), x)
    elif x.rank:
        growing.keep(op.of(x, axis=growing.random.randrange(x.rank), reverse=growing.random.random() < 0.5), x)


def along_an_axis(growing: GrowingDocument) -> None:
    """A running total or a softmax."""
    x = some_with_axes(growing, is_float)
    if x is None:
        return
    axis = growing.random.randrange(x.rank)
    reverse, exclusive = growing.random.random() < 0.5, growing.random.random() < 0.5
    makes: list[_OfOne] = [
        lambda x: Softmax.of(x, axis=axis),
        lambda x: LogSoftmax.of(x, axis=axis) * 0.2,
        lambda x: CumulativeSum.of(x, axis=axis, reverse=reverse, exclusive=exclusive) * (1 / shape_of(x)[axis]),
    ]
    growing.keep(growing.random.choice(makes)(x), x, roundings=4, gain=2)


def order(growing: GrowingDocument) -> None:
    """Sorted elements, or where they stood."""
    x = some_with_axes(growing, is_exact(growing))
    if x is None:
        return
    axis, descending = growing.random.randrange(x.rank), growing.random.random() < 0.5
    if growing.random.random() < 0.3:
        count = growing.random.randint(1, shape_of(x)[axis])
        for result in growing.editor.emit(TopK, [x], {"axis": axis, "k": count}):
            growing.keep(result, x)
        return
    op: type[Sort] | type[Argsort] = growing.random.choice([Sort, Argsort])
    growing.keep(op.of(x, axis=axis, descending=descending), x)


def product(growing: GrowingDocument) -> None:
    """A matrix product, which is scaled; of integers, one that wraps around."""
    x = growing.some(lambda value: value.rank > 0 and is_number(value))
    if x is None:
        return
    shape = shape_of(x)
    inner = shape[-1]
    columns = growing.random.choice(growing.sizes)
    shapes = [(inner, columns), (*shape[:-2], inner, columns), (inner,), (1, inner, columns)]

    def fits(y: Value) -> bool:
        return y.dtype is x.dtype and 0 < y.rank <= 2 and shape_of(y)[-2 if y.rank > 1 else 0] == inner

    y = growing.some(fits) if growing.random.random() < 0.5 else None
    if y is None:
        given = growing.random.choice(shapes)
        y = growing.new_float(given, x.dtype) if is_float(x) else growing.new_integer(x.dtype, given)
    made = Matmul.of(x, y)
    growing.keep(made * (0.25 / inner) if inner and is_float(x) else made, x, y, roundings=4)


def windows(growing: GrowingDocument) -> None:
    """Windows over the last axes, or a convolution."""
    x = some_with_axes(growing, lambda value: is_float(value) and value.rank >= 3 and min(shape_of(value)[1:]) >= 2)
    if x is None:
        x = growing.new_float((growing.random.randint(1, 3), growing.random.choice([1, 2, 5]), 9, 17))
    random, spatial = growing.random, min(x.rank - 2, 2)
    kernel = [random.randint(1, min(3, size)) for size in shape_of(x)[-spatial:]]
    around: dict[str, Any] = {
        "strides": [random.randint(1, 2) for _ in kernel],
        "padding": [(random.randint(0, size - 1), random.randint(0, size - 1)) for size in kernel],
    }
    kind = random.randrange(4)
    if kind == 0 and x.rank <= 5:
        _convolution(growing, x, around["strides"])
    elif kind == 1:
        x = _exact_or_new(growing, x)
        for result in growing.editor.emit(MaxPool, [x], {"kernel_size": kernel, **around}):
            growing.keep(result, x)
    elif kind == 2:
        growing.keep(AvgPool.of(x, kernel_size=kernel, **around), x, roundings=4)
    else:
        growing.keep(WindowSum.of(x, kernel_size=kernel, **around) * (1 / math.prod(kernel)), x, roundings=4)


def _exact_or_new(growing: GrowingDocument, x: Value) -> Value:
    return growing.new_float(shape_of(x), x.dtype) if growing.bounds[x.id] else x


def _convolution(growing: GrowingDocument, x: Value, strides: list[int]) -> None:
    random, shape = growing.random, shape_of(x)
    sizes = [random.randint(1, min(3, size)) for size in shape[2:]]
    weight = growing.new_float((random.choice([1, 3, 8, 17]), shape[1], *sizes), x.dtype)
    steps = [*strides, 1][: len(sizes)]
    padding = [(random.randint(0, 2), random.randint(0, 2)) for _ in sizes]
    made = Conv.of(x, weight, strides=steps, padding=padding)
    growing.keep(made * (0.25 / (shape[1] * math.prod(sizes))), x, weight, roundings=4)


def lookup(growing: GrowingDocument) -> None:
    """Elements at indices."""
    x = some_with_axes(growing, lambda value: True)
    if x is None:
        return
    random, shape = growing.random, shape_of(x)
    axis = random.randrange(x.rank)
    kind = random.randrange(4)
    if kind == 0:
        made = Take.of(x, growing.new_indices(shape[axis], growing.some_shape(2)), axis=axis)
    elif kind == 1:
        wanted = (*shape[:axis], random.choice(growing.sizes), *shape[axis + 1 :])
        made = TakeAlongAxis.of(x, growing.new_indices(shape[axis], wanted), axis=axis)
    elif kind == 2:
        made = GatherNd.of(x, growing.new_indices(shape[0], (random.choice(growing.sizes), 1)))
    else:
        start = growing.new_indices(max(shape), (x.rank,))
        made = DynamicSlice.of(x, start, shape=[random.randint(1, size) for size in shape])
    growing.keep(made, x)


def addition_at(growing: GrowingDocument) -> None:
    """Elements added or put where indices say."""
    x = some_with_axes(growing, is_number)
    if x is None:
        return
    random, shape = growing.random, shape_of(x)
    axis, count = random.randrange(x.rank), random.choice([1, 2, 5, 17])
    kind = random.randrange(4)
    wanted = {0: (*shape[:axis], count, *shape[axis + 1 :]), 1: (*shape[:axis], count, *shape[axis + 1 :])}
    wanted |= {2: (count, *shape[1:]), 3: tuple(random.randint(1, size) for size in shape)}
    given = wanted[kind]
    source = growing.new_float(given, x.dtype) if is_float(x) else growing.new_integer(x.dtype, given)
    if kind == 3:
        start = growing.new_indices(max(shape), (x.rank,))
        growing.keep(DynamicUpdateSlice.of(x, source, start), x)
        return
    target = x
    if is_float(x):
        target, source = x * (0.5 / count), source * (0.5 / count)
    if kind == 0:
        made = IndexAdd.of(target, growing.new_indices(shape[axis], (count,)), source, axis=axis)
    elif kind == 1:
        made = ScatterAddAlongAxis.of(target, growing.new_indices(shape[axis], given), source, axis=axis)
    else:
        made = ScatterNdAdd.of(target, growing.new_indices(shape[0], (count, 1)), source)
    growing.keep(made, x, roundings=4)
