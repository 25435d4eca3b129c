"""What a random document grows by: ops on elements, and copies and views of arrays."""

import math
from collections.abc import Callable
from typing import TypeAlias

from asg_schema.composites.elementwise import Gelu, Relu, Silu
from asg_schema.composites.layout import Repeat, Roll, Stack, Tile
from asg_schema.composites.random import Dropout
from asg_schema.composites.random_distributions import Uniform
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    IsFinite,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalXor,
)
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Remainder,
    Round,
    Sign,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Atan, Cos, Erf, Exp, Log1p, Rsqrt, Sigmoid, Sin, Sqrt, Tanh
from asg_schema.ops.layout import (
    BroadcastTo,
    Concat,
    Flip,
    Pad,
    PermuteDims,
    Reshape,
    Slice,
)
from asg_schema.ops.random import RngBits
from executor.native.growing_document import GrowingDocument
from executor.native.operand_choice import (
    is_float,
    partner,
    shape_of,
    some_with_axes,
    without_kink,
)

__all__ = [
    "arithmetic",
    "choice",
    "comparison",
    "conversion",
    "copy",
    "drawing",
    "function",
    "integers",
    "logic",
    "step_function",
    "view",
]

_OfOne: TypeAlias = Callable[[Value], Value]
_OfTwo: TypeAlias = Callable[[Value, Value], Value]


def function(growing: GrowingDocument) -> None:
    """A function of an element."""
    x = growing.some_float()
    functions: list[_OfOne] = [
        *(Tanh.of, Sin.of, Cos.of, Sigmoid.of, Erf.of, Atan.of, Gelu.of, Silu.of),
        lambda x: Exp.of(Negative.of(x * x)),
        lambda x: Log1p.of(x * x),
        lambda x: Sqrt.of(x * x + 1.0),
        lambda x: Rsqrt.of(x * x + 1.0),
    ]
    growing.keep(growing.random.choice(functions)(x), x, roundings=4)


def arithmetic(growing: GrowingDocument) -> None:
    """Two values that broadcast."""
    x = growing.some_float()
    y = partner(growing, x)
    makes: list[_OfTwo] = [
        lambda x, y: Add.of(x, y) * 0.5,
        lambda x, y: Subtract.of(x, y) * 0.5,
        lambda x, y: Multiply.of(x, y) * 0.25,
        lambda x, y: Divide.of(x, y * y + 1.0),
    ]
    growing.keep(growing.random.choice(makes)(x, y), x, y, roundings=2)


def choice(growing: GrowingDocument) -> None:
    """The larger, the smaller, or either of two values by a condition."""
    x = growing.some_float()
    y = partner(growing, x)
    x, y = without_kink(growing, x), without_kink(growing, y)
    condition = _partner_of_bools(growing, x)
    makes: list[_OfTwo] = [Maximum.of, Minimum.of]
    if condition is not None:
        makes.append(lambda x, y: Where.of(condition, x, y))
    growing.keep(growing.random.choice(makes)(x, y), x, y)


def _partner_of_bools(growing: GrowingDocument, x: Value) -> Value | None:
    return growing.some(lambda value: value.dtype is DType.BOOL and shape_of(value) in (shape_of(x), ()))


def step_function(growing: GrowingDocument) -> None:
    """What is constant in parts, of floats in which engines do not differ, and what has a kink."""
    x = growing.some_exact()
    makes: list[_OfOne] = [Abs.of, Negative.of, Sign.of, Floor.of, Ceil.of, Round.of, Relu.of, Barrier.of]
    growing.keep(growing.random.choice(makes)(x), x)


def comparison(growing: GrowingDocument) -> None:
    """A bool."""
    x = growing.some_number()
    y = partner(growing, x)
    if growing.bounds[y.id]:
        y = x
    makes: list[_OfTwo] = [Equal.of, Greater.of, Less.of, LessEqual.of]
    if is_float(x):
        makes.append(lambda x, y: IsNan.of(x))
        makes.append(lambda x, y: IsFinite.of(y))
    growing.keep(growing.random.choice(makes)(x, y), x, y)


def logic(growing: GrowingDocument) -> None:
    """A bool of bools."""
    x = growing.some(lambda value: value.dtype is DType.BOOL)
    if x is None:
        comparison(growing)
        return
    y = partner(growing, x)
    makes: list[_OfTwo] = [LogicalAnd.of, LogicalXor.of, lambda x, y: LogicalNot.of(x)]
    growing.keep(growing.random.choice(makes)(x, y), x, y)


def integers(growing: GrowingDocument) -> None:
    """Integers, which wrap around."""
    x = growing.some_integer()
    y = partner(growing, x)
    makes: list[_OfTwo] = [Add.of, Subtract.of, Multiply.of, Maximum.of, Minimum.of, Remainder.of]
    growing.keep(growing.random.choice(makes)(x, y), x, y)


def conversion(growing: GrowingDocument) -> None:
    """Another dtype; what engines differ in remains a float."""
    x = growing.some(lambda value: True) or growing.new_float()
    dtypes = list(growing.floating)
    if not growing.bounds[x.id]:
        dtypes += [DType.BOOL, DType.INT8, DType.UINT8, DType.INT32, DType.INT64, DType.UINT32]
    dtype = growing.random.choice(dtypes)
    made = Astype.of(x, dtype=dtype)
    if dtype.is_floating and not is_float(x):
        made = Sin.of(made) if x.dtype is not DType.BOOL and x.dtype.bits < 32 else Astype.of(made, dtype=DType.BOOL)
        growing.keep(made, x, roundings=4)
    else:
        growing.keep(made, x, roundings=1 if growing.bounds[x.id] else 0)


def view(growing: GrowingDocument) -> None:
    """The same elements otherwise."""
    x = growing.some(lambda value: True) or growing.new_float()
    shape, random = shape_of(x), growing.random
    start = [random.randrange(size + 1) // 2 for size in shape]
    stop = [random.randint((begin + size + 1) // 2, size) for begin, size in zip(start, shape, strict=True)]
    shapes = [(math.prod(shape),), (*shape[:1], 1, *shape[1:]), shape[::-1]]
    makes: list[_OfOne] = [
        lambda x: PermuteDims.of(x, axes=random.sample(range(x.rank), x.rank)),
        lambda x: Reshape.of(x, shape=random.choice(shapes)),
        lambda x: Flip.of(x, axis=random.sample(range(x.rank), random.randint(0, x.rank))),
        lambda x: BroadcastTo.of(x, shape=(random.choice(growing.sizes), *shape)),
        lambda x: Slice.of(x, start=start, stop=stop, step=[random.randint(1, 3) for _ in shape]),
    ]
    growing.keep(random.choice(makes)(x), x)


def copy(growing: GrowingDocument) -> None:
    """The same elements elsewhere, more than once, or amid others."""
    x = some_with_axes(growing, lambda value: True)
    if x is None:
        return
    random = growing.random
    axis = random.randrange(x.rank)
    alike = [y for y in growing.values(lambda y: y.dtype is x.dtype and y.rank == x.rank) if _joins(x, y, axis)]
    y = random.choice(alike)
    low, high = (
        [random.randint(-1, 3) if size > 2 else random.randint(0, 2) for size in shape_of(x)] for _ in range(2)
    )
    interior = [random.choice([0, 0, 1]) for _ in shape_of(x)]
    makes: list[_OfTwo] = [
        lambda x, y: Concat.of(x, y, x, axis=axis),
        lambda x, y: Stack.of(x, x, axis=axis),
        lambda x, y: Tile.of(x, repetitions=[random.randint(1, 2) for _ in shape_of(x)]),
        lambda x, y: Repeat.of(x, repeats=random.randint(1, 3), axis=axis),
        lambda x, y: Roll.of(x, shift=(random.randint(-3, 3),), axis=(axis,)),
        lambda x, y: Pad.of(x, low=low, high=high, interior=interior, value=random.choice([0.0, 1.0])),
    ]
    growing.keep(random.choice(makes)(x, y), x, y)


def _joins(x: Value, y: Value, axis: int) -> bool:
    return all(a == b or place == axis for place, (a, b) in enumerate(zip(shape_of(x), shape_of(y), strict=True)))


def drawing(growing: GrowingDocument) -> None:
    """Random bits, which every engine draws alike, and what is made of them."""
    key, shape = growing.new_key(), growing.some_shape(3)
    x = growing.some_exact()
    kind = growing.random.randrange(3)
    if kind == 0:
        growing.keep(RngBits.of(key, shape=shape, word=growing.random.choice(["xor", "first", "second"])))
    elif kind == 1:
        growing.keep(Uniform.of(key, shape=shape, dtype=growing.random.choice(growing.floating)), roundings=1)
    else:
        growing.keep(Dropout.of(x, key, p=0.5), x, roundings=1)
