"""Random chains of the ops that rewrites know: what is moved, repeated, cut, put together, chosen and converted.

One op is likely to be applied to what the last few made, so that rewrites find what they look for, beside what only
looks like it. Some documents have NaN, infinities and zeros of both signs among their values.
"""

from collections.abc import Callable
from functools import partial
from random import Random

import numpy as np

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.reduction import Mean
from asg_schema.dims import Dim, SymbolicDim, symbol
from asg_schema.document import Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import AsgError, RuleError
from asg_schema.ops.comparison import Equal, Greater, LogicalAnd, LogicalNot, LogicalOr, NotEqual
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import Abs, Add, Astype, Maximum, Minimum, Multiply, Negative, Subtract, Where
from asg_schema.ops.elementwise_functions import Tanh
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import Max, Min, Prod, Sum
from op_samples.sample import Array
from transform_harness.random_documents import RandomDocument

__all__ = ["chained_document"]

N = symbol("n")
SHAPES: list[tuple[Dim, ...]] = [(), (N,), (N, 3), (2, 3), (2, 1, 4), (1, 3), (0, 3), (3, 3)]
AWKWARD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0]


def chained_document(seed: int, steps: int) -> RandomDocument:
    """A document of about five ops a step."""
    random = Random(seed)
    generator = np.random.default_rng(seed)
    editor, sizes, values = Editor(), {"n": random.choice([1, 2, 3, 5])}, dict[str, Array]()
    made: list[Value] = []
    awkward = random.random() < 0.3
    for number, shape in enumerate(SHAPES):
        concrete = tuple(sizes.get(str(dim), dim) for dim in shape)
        array = np.asarray(generator.normal(size=[int(str(dim)) for dim in concrete]))
        if awkward:
            array = np.where(generator.random(array.shape) < 0.3, generator.choice(AWKWARD, array.shape), array)
        if any(isinstance(dim, SymbolicDim) for dim in shape) or number % 2:
            value = editor.add_input(Input(id=f"x{number}", dtype=DType.FLOAT64, shape=shape))
        else:
            value = editor.add_parameter(Parameter(id=f"w{number}", dtype=DType.FLOAT64, shape=array.shape))
        values[value.id] = array
        made.append(value)
    for _ in range(5 * steps):
        x = random.choice(made[-4:] if random.random() < 0.6 else made)
        try:
            made.append(random.choice(KINDS)(random, x, made))
        except (AsgError, IndexError):  # such an op is not there for this type
            continue
    _name_outputs(editor, made, random)
    return RandomDocument(editor.document("chained"), values, sizes)


def _name_outputs(editor: Editor, made: list[Value], random: Random) -> None:
    floating = [value for value in made if value.dtype is DType.FLOAT64]
    loss = editor.full((), 0.0, DType.FLOAT64)
    for value in floating[-5:]:
        loss = loss + Sum.of(Tanh.of(value))
    editor.add_output(Output(name="loss", value=loss.id))
    for number, value in enumerate(random.sample(made, 4)):
        editor.add_output(Output(name=f"y{number}", value=value.id))


def _fitting(random: Random, x: Value, made: list[Value]) -> Value:
    """A value of the dtype of x that broadcasts with it."""

    def fits(y: Value) -> bool:
        try:
            broadcast_shapes([x.shape, y.shape])
        except RuleError:
            return False
        return y.dtype is x.dtype

    return random.choice([y for y in made if fits(y)])


def _axes(random: Random, x: Value) -> list[int]:
    return sorted(random.sample(range(x.rank), random.randint(0, x.rank)))


def _arithmetic(random: Random, x: Value, made: list[Value]) -> Value:
    y = _fitting(random, x, made)
    a, b = random.choice([(x, y), (y, x), (x, x)])
    return random.choice([Add, Subtract, Multiply, Maximum, Minimum]).of(a, b)


def _constant(random: Random, x: Value, made: list[Value]) -> Value:
    number = random.choice([0.0, 1.0, -1.0, 2.0, 0.5, 3.0])
    shape = x.shape if random.random() < 0.3 else ()
    constant = x.editor.full(shape, number, x.dtype)
    return random.choice(
        [
            lambda: constant + x,
            lambda: x - constant,
            lambda: constant - x,
            lambda: x * constant,
            lambda: x / (number or 4.0),
            lambda: constant * number,
        ]
    )()


def _sign(random: Random, x: Value, made: list[Value]) -> Value:
    return random.choice([Negative, Abs, Barrier]).of(x)


def _permutation(random: Random, x: Value, made: list[Value]) -> Value:
    return PermuteDims.of(x, axes=random.sample(range(x.rank), x.rank))


def _reshape(random: Random, x: Value, made: list[Value]) -> Value:
    place = random.randint(0, x.rank)
    without_ones = tuple(dim for dim in x.shape if dim != 1)
    merged = (x.shape[0] * x.shape[1], *x.shape[2:]) if x.rank > 1 else (*x.shape, 1)
    shape = random.choice([(*x.shape[:place], 1, *x.shape[place:]), without_ones, merged, x.shape])
    return Reshape.of(x, shape=shape)


def _broadcast(random: Random, x: Value, made: list[Value]) -> Value:
    shape = [random.choice([1, 2, 3, N]) if dim == 1 else dim for dim in x.shape]
    return BroadcastTo.of(x, shape=(*random.choice([(), (2,), (N,), (1, 3)]), *shape))


def _reduction(random: Random, x: Value, made: list[Value]) -> Value:
    axes = _axes(random, x)
    if any(x.shape[axis] == 0 for axis in axes):
        return Sum.of(x, axis=axes)
    return random.choice([Sum, Sum, Sum, Prod, Max, Min, Mean]).of(x, axis=axes, keepdims=random.random() < 0.5)


def _pieces(random: Random, x: Value, made: list[Value]) -> Value:
    start = [random.randint(0, dim) if isinstance(dim, int) else 0 for dim in x.shape]
    stop = [
        random.choice([dim, random.randint(a, dim)]) if isinstance(dim, int) else dim
        for a, dim in zip(start, x.shape, strict=True)
    ]
    step = [random.choice([1, 1, 2]) for _ in x.shape]
    return Slice.of(x, start=start, stop=stop, step=step)


def _pad(random: Random, x: Value, made: list[Value]) -> Value:
    low, high, interior = (
        [random.choice(choices) for _ in range(x.rank)] for choices in ([0, 1, 2], [0, 1], [0, 0, 1])
    )
    return Pad.of(x, low=low, high=high, interior=interior, value=random.choice([0.0, 0.0, 1.0]))


def _concat(random: Random, x: Value, made: list[Value]) -> Value:
    axis = random.choice(range(x.rank))
    alike = [y for y in made if y.dtype is x.dtype and y.shape == x.shape]
    if random.random() < 0.4 and isinstance(size := x.shape[axis], int):
        at = random.randint(0, size)
        ends = [*x.shape[:axis], at, *x.shape[axis + 1 :]]
        begin = [0] * axis + [at] + [0] * (x.rank - axis - 1)
        zeros = [0] * x.rank
        return Concat.of(Slice.of(x, start=zeros, stop=ends), Slice.of(x, start=begin, stop=x.shape), axis=axis)
    return Concat.of(*random.choices(alike, k=random.randint(1, 3)), axis=axis)


def _flip(random: Random, x: Value, made: list[Value]) -> Value:
    return Flip.of(x, axis=_axes(random, x))


def _conversion(random: Random, x: Value, made: list[Value]) -> Value:
    through = random.choice([DType.FLOAT32, DType.FLOAT64, DType.FLOAT16, DType.BFLOAT16])
    return Astype.of(Astype.of(x, dtype=through), dtype=DType.FLOAT64)


def _choice(random: Random, x: Value, made: list[Value]) -> Value:
    y = _fitting(random, x, made)
    conditions = [
        Greater.of(x, y),
        Equal.of(x, y),
        NotEqual.of(y, x),
        x.editor.full((), random.random() < 0.5, DType.BOOL),
    ]
    condition = random.choice(conditions)
    condition = random.choice([LogicalNot.of(condition), condition, LogicalAnd.of(condition, condition)])
    condition = random.choice([condition, LogicalNot.of(condition), LogicalOr.of(*random.choices(conditions, k=2))])
    inner = Where.of(condition, x, y)
    return random.choice(
        [inner, Where.of(condition, inner, x), Where.of(condition, y, inner), Where.of(condition, x, x)]
    )


def _product(random: Random, x: Value, made: list[Value]) -> Value:
    fitting = [y for y in made if y.rank == x.rank == 2 and y.dtype is x.dtype]
    y = random.choice(fitting)
    a = PermuteDims.of(x, axes=[1, 0]) if random.random() < 0.5 else x
    b = PermuteDims.of(y, axes=[1, 0]) if random.random() < 0.5 else y
    product: list[Callable[..., Value]] = [Matmul.of]
    product += [
        partial(Einsum.of, equation=equation) for equation in ("ab,bc->ac", "ab,bc->ca", "ab,cb->ac", "ab,ab->b")
    ]
    return random.choice(product)(a, b)


KINDS: list[Callable[[Random, Value, list[Value]], Value]] = [
    _arithmetic,
    _arithmetic,
    _constant,
    _constant,
    _sign,
    _permutation,
    _reshape,
    _reshape,
    _broadcast,
    _broadcast,
    _reduction,
    _reduction,
    _pieces,
    _pieces,
    _pad,
    _concat,
    _flip,
    _conversion,
    _choice,
    _product,
]
