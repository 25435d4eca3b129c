"""What the rewrites make of small graphs: cases that `tests/autograd/test_rewrites.py` runs."""

import math
from collections.abc import Callable

from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.creation import Size
from asg_schema.composites.reduction import Mean
from asg_schema.dims import symbol
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.comparison import Equal, Less, LogicalAnd, LogicalNot, LogicalOr, NotEqual
from asg_schema.ops.creation import Constant, DimSize
from asg_schema.ops.elementwise import Abs, Astype, Maximum, Minimum, Negative, Round, Where
from asg_schema.ops.elementwise_functions import Exp, Sqrt
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import Max, Prod, Sum

N = symbol("n")


def full(value: Value, number: float, *shape: int) -> Value:
    return value.editor.full(shape, number, value.dtype)


def transpose(x: Value) -> Value:
    return PermuteDims.of(x, axes=(1, 0))


def repeat(x: Value) -> Value:
    return BroadcastTo.of(x, shape=(2, N, 3))


def constant(x: Value, *values: float, shape: tuple[int, ...] = (), dtype: DType = DType.FLOAT32) -> Value:
    attributes = {"dtype": dtype, "shape": shape or (len(values),), "value": values}
    return x.editor.emit(Constant, (), attributes)[0]


def columns(x: Value, start: int, stop: int) -> Value:
    return Slice.of(x, start=(0, start), stop=(N, stop))


def padded(x: Value, low: int, high: int, value: float = 0.0) -> Value:
    return Pad.of(x, low=(0, low), high=(0, high), value=value)


def through(x: Value, *dtypes: DType) -> Value:
    for dtype in dtypes:
        x = Astype.of(x, dtype=dtype)
    return x


def half_and_back(x: Value) -> Value:
    return Astype.of(Astype.of(x, dtype=DType.FLOAT16), dtype=x.dtype)


def full_bool(x: Value, value: bool) -> Value:
    return x.editor.full(x.shape, value, DType.BOOL)


Build = Callable[[Value, Value], Value]
CASES: list[tuple[str, Build, str]] = [
    ("x + 0", lambda x, y: x + 0.0, "x"),
    ("0 + x", lambda x, y: 0.0 + x, "x"),
    ("x - 0", lambda x, y: x - 0.0, "x"),
    ("0 - x", lambda x, y: 0.0 - x, "subtract(0.0, x)"),
    ("x * 1", lambda x, y: x * 1.0, "x"),
    ("1 * x", lambda x, y: 1.0 * x, "x"),
    ("x * -1", lambda x, y: x * -1.0, "negative(x)"),
    ("x / 1", lambda x, y: x / 1.0, "x"),
    ("1 / x", lambda x, y: 1.0 / x, "divide(1.0, x)"),
    ("x ** 1", lambda x, y: x**1.0, "x"),
    ("x * 0 may be NaN", lambda x, y: x * 0.0, "multiply(x, 0.0)"),
    ("x - x may be NaN", lambda x, y: x - x, "subtract(x, x)"),
    ("x / x may be NaN", lambda x, y: x / x, "divide(x, x)"),
    ("a one that widens", lambda x, y: Sum.of(x) * full(x, 1.0, 4), "multiply(sum(x), 1.0[4])"),
    ("a zero that widens", lambda x, y: Sum.of(x) + full(x, 0.0, 4), "add(sum(x), 0.0[4])"),
    ("-(-x)", lambda x, y: Negative.of(Negative.of(x)), "x"),
    ("-(x - y)", lambda x, y: -(x - y), "subtract(y, x)"),
    ("x + -y", lambda x, y: x + -y, "subtract(x, y)"),
    ("-x + y", lambda x, y: -x + y, "subtract(y, x)"),
    ("x - -y", lambda x, y: x - -y, "add(x, y)"),
    ("2 + 3", lambda x, y: full(x, 2.0) + 3.0, "5.0"),
    ("2 - 3", lambda x, y: full(x, 2.0) - 3.0, "-1.0"),
    ("2 * 3", lambda x, y: full(x, 2.0) * 3.0, "6.0"),
    ("2 / 4", lambda x, y: full(x, 2.0) / 4.0, "0.5"),
    ("1 / 0 stays", lambda x, y: full(x, 1.0) / 0.0, "divide(1.0, 0.0)"),
    ("overflow stays", lambda x, y: full(x, 1e30) * 1e30, "multiply(1e+30, 1e+30)"),
    ("inf stays", lambda x, y: full(x, math.inf) - 1.0, "subtract(inf, 1.0)"),
    ("-(2)", lambda x, y: -full(x, 2.0), "-2.0"),
    ("2 = 2", lambda x, y: Equal.of(full(x, 2.0), full(x, 2.0)), "True"),
    ("2 < 1", lambda x, y: Less.of(full(x, 2.0), full(x, 1.0)), "False"),
    ("0.1 = 0.1 + tiny, as float32", lambda x, y: Equal.of(full(x, 0.1), full(x, 0.1 + 1e-9)), "True"),
    ("constant as float64", lambda x, y: Astype.of(full(x, 2.0), dtype=DType.FLOAT64), "2.0"),
    (
        "0.1 as float64 is rounded first",
        lambda x, y: Astype.of(full(x, 0.1), dtype=DType.FLOAT64),
        "0.10000000149011612",
    ),
    ("constant to int", lambda x, y: Astype.of(full(x, -2.5), dtype=DType.INT32), "-2"),
    ("1e10 to int32 saturates", lambda x, y: Astype.of(full(x, 1e10), dtype=DType.INT32), "astype(10000000000.0)"),
    ("0.1 + 0.2 in float32", lambda x, y: full(x, 0.1) + 0.2, "0.30000001192092896"),
    ("below the normal numbers", lambda x, y: full(x, 1e-30) * 1e-10, "multiply(1e-30, 1e-10)"),
    ("root of 2", lambda x, y: Sqrt.of(full(x, 2.0)), "1.4142135381698608"),
    ("root of -1 stays", lambda x, y: Sqrt.of(full(x, -1.0)), "sqrt(-1.0)"),
    ("-(0)", lambda x, y: -full(x, 0.0), "-0.0"),
    ("-0.5 rounded", lambda x, y: Round.of(full(x, -0.5)), "-0.0"),
    ("constants added", lambda x, y: constant(x, 1, 2, 3) + 1.0, "[2.0, 3.0, 4.0][3]"),
    (
        "constants broadcast",
        lambda x, y: constant(x, 10, 20, shape=(2, 1)) + constant(x, 1, 2),
        "[11.0, 12.0, 21.0, 22.0][2, 2]",
    ),
    ("a constant that overflows", lambda x, y: constant(x, 1, 1e38) * 10.0, "multiply([1.0, 1e+38][2], 10.0)"),
    ("constants compared", lambda x, y: Less.of(constant(x, 1, 3), constant(x, 2, 2)), "[True, False][2]"),
    (
        "constants chosen",
        lambda x, y: Where.of(Less.of(constant(x, 1, 3), constant(x, 2, 2)), constant(x, 5, 6), x.scalar(0.0)),
        "[5.0, 0.0][2]",
    ),
    ("a constant of one number", lambda x, y: constant(x, 7, 7, 7), "7.0[3]"),
    ("zeros of both signs", lambda x, y: constant(x, 0.0, -0.0), "[0.0, -0.0][2]"),
    ("a long constant", lambda x, y: -Astype.of(constant(x, *range(257)), dtype=DType.FLOAT32), "negative("),
    ("a constant reshaped", lambda x, y: Reshape.of(constant(x, 1, 2), shape=(2, 1)), "[1.0, 2.0][2, 1]"),
    (
        "a constant transposed",
        lambda x, y: transpose(constant(x, 1, 2, 3, 4, 5, 6, shape=(2, 3))),
        "[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][3, 2]",
    ),
    (
        "a constant flipped",
        lambda x, y: Flip.of(constant(x, 1, 2, 3, 4, shape=(2, 2)), axis=(1,)),
        "[2.0, 1.0, 4.0, 3.0][2, 2]",
    ),
    (
        "a constant sliced",
        lambda x, y: Slice.of(constant(x, 1, 2, 3, 4, 5), start=(1,), stop=(5,), step=(2,)),
        "[2.0, 4.0][2]",
    ),
    (
        "a constant broadcast",
        lambda x, y: BroadcastTo.of(constant(x, 1, 2), shape=(2, 2)),
        "[1.0, 2.0, 1.0, 2.0][2, 2]",
    ),
    ("size of a known axis", lambda x, y: DimSize.of(x, axis=1), "3"),
    ("size of a symbol", lambda x, y: DimSize.of(x, axis=0), "dim_size(x)"),
    ("one number sliced", lambda x, y: Slice.of(full(x, 2.0, 4), start=(1,), stop=(3,)), "2.0[2]"),
    ("one number joined", lambda x, y: Concat.of(full(x, 2.0, 4), full(x, 2.0, 1)), "2.0[5]"),
    ("two numbers joined", lambda x, y: Concat.of(full(x, 0.0, 1), full(x, -0.0, 1)), "concat(0.0[1], -0.0[1])"),
    ("constant broadcast", lambda x, y: BroadcastTo.of(full(x, 2.0), shape=(4,)), "2.0[4]"),
    ("constant reshaped", lambda x, y: Reshape.of(full(x, 2.0, 4), shape=(2, 2)), "2.0[2, 2]"),
    ("c and true", lambda x, y: LogicalAnd.of(Less.of(x, y), Equal.of(full(x, 1.0), full(x, 1.0))), "less(x, y)"),
    (
        "c and false",
        lambda x, y: LogicalAnd.of(Less.of(Sum.of(x), Sum.of(y)), Equal.of(full(x, 1.0), full(x, 2.0))),
        "False",
    ),
    ("c or false", lambda x, y: LogicalOr.of(Less.of(x, y), full_bool(x, False)), "less(x, y)"),
    ("c or true", lambda x, y: LogicalOr.of(Less.of(x, y), full_bool(x, True)), "True[n, 3]"),
    ("c and c", lambda x, y: LogicalAnd.of(Less.of(x, y), Less.of(x, y)), "less(x, y)"),
    ("not not c", lambda x, y: LogicalNot.of(LogicalNot.of(Less.of(x, y))), "less(x, y)"),
    ("not x = y", lambda x, y: LogicalNot.of(Equal.of(x, y)), "not_equal(x, y)"),
    ("not x != y", lambda x, y: LogicalNot.of(NotEqual.of(x, y)), "equal(x, y)"),
    ("not x < y holds for NaN", lambda x, y: LogicalNot.of(Less.of(x, y)), "logical_not(less(x, y))"),
    ("where(not c)", lambda x, y: Where.of(LogicalNot.of(Less.of(x, y)), x, y), "where(less(x, y), y, x)"),
    ("maximum(x, x)", lambda x, y: Maximum.of(x, x), "maximum(x, x)"),
    ("minimum(n, n)", lambda x, y: Minimum.of(*[through(x, DType.INT32)] * 2), "astype(x)"),
    ("|-x|", lambda x, y: Abs.of(-x), "abs(x)"),
    ("||x||", lambda x, y: Abs.of(Abs.of(x)), "abs(x)"),
    ("-x * -y", lambda x, y: -x * -y, "multiply(x, y)"),
    ("-x / -y", lambda x, y: -x / -y, "divide(x, y)"),
    ("-x * y", lambda x, y: -x * y, "multiply(negative(x), y)"),
    ("where(true)", lambda x, y: Where.of(Equal.of(full(x, 1.0), full(x, 1.0)), x, y), "x"),
    ("where(false)", lambda x, y: Where.of(Equal.of(full(x, 1.0), full(x, 2.0)), x, y), "y"),
    ("where(c, x, x)", lambda x, y: Where.of(Less.of(x, y), x, x), "x"),
    (
        "where(c, where(c, x, y), 0)",
        lambda x, y: Where.of(Less.of(x, y), Where.of(Less.of(x, y), x, y), x.scalar(0.0)),
        "where(less(x, y), x, 0.0)",
    ),
    (
        "where(c, 0, where(c, x, y))",
        lambda x, y: Where.of(Less.of(x, y), x.scalar(0.0), Where.of(Less.of(x, y), x, y)),
        "where(less(x, y), 0.0, y)",
    ),
    (
        "where(c, where(d, x, y), 0)",
        lambda x, y: Where.of(Less.of(x, y), Where.of(Less.of(y, x), x, y), x.scalar(0.0)),
        "where(less(x, y), where(less(y, x), x, y), 0.0)",
    ),
    ("same shape", lambda x, y: Reshape.of(x, shape=(N, 3)), "x"),
    ("same broadcast", lambda x, y: BroadcastTo.of(x, shape=(N, 3)), "x"),
    ("same dtype", lambda x, y: Astype.of(x, dtype=DType.FLOAT32), "x"),
    ("there and back is a rounding", lambda x, y: half_and_back(x), "astype(astype(x))"),
    ("wider and back", lambda x, y: through(x, DType.FLOAT64, DType.FLOAT32), "x"),
    ("wider and narrower", lambda x, y: through(x, DType.FLOAT64, DType.FLOAT16), "astype(x)"),
    ("narrower and wider", lambda x, y: through(x, DType.FLOAT16, DType.FLOAT64), "astype(astype(x))"),
    ("through an integer", lambda x, y: through(x, DType.INT64, DType.FLOAT32), "astype(astype(x))"),
    ("bool and back", lambda x, y: through(Less.of(x, y), DType.FLOAT16, DType.BOOL), "less(x, y)"),
    (
        "int32 as float64 to uint8 saturates",
        lambda x, y: through(x, DType.INT32, DType.FLOAT64, DType.UINT8),
        "astype(astype(astype(x)))",
    ),
    ("reshape twice", lambda x, y: Reshape.of(Reshape.of(x, shape=(3, N)), shape=(N * 3,)), "reshape(x)"),
    ("reshape back", lambda x, y: Reshape.of(Reshape.of(x, shape=(3, N)), shape=(N, 3)), "x"),
    ("transpose twice", lambda x, y: transpose(transpose(x)), "x"),
    ("identity permutation", lambda x, y: PermuteDims.of(x, axes=(0, -1)), "x"),
    ("transpose of a product", lambda x, y: transpose(transpose(x) @ y), "matmul(permute_dims(y), x)"),
    (
        "transpose of a plain product",
        lambda x, y: transpose(x @ Reshape.of(y, shape=(3, N))),
        "permute_dims(matmul(x, reshape(y)))",
    ),
    (
        "broadcast twice",
        lambda x, y: BroadcastTo.of(BroadcastTo.of(x, shape=(2, N, 3)), shape=(5, 2, N, 3)),
        "broadcast_to(x)",
    ),
    ("broadcast operand", lambda x, y: BroadcastTo.of(Sum.of(x), shape=(N, 3)) * y, "multiply(sum(x), y)"),
    ("reshaped operand", lambda x, y: Reshape.of(Sum.of(x, axis=(0,)), shape=(1, 3)) * y, "multiply(sum(x), y)"),
    ("full operand", lambda x, y: Maximum.of(x, x.editor.full((N, 3), 2.0, x.dtype)), "maximum(x, 2.0)"),
    (
        "both operands broadcast",
        lambda x, y: BroadcastTo.of(Sum.of(x), shape=(4,)) * BroadcastTo.of(Sum.of(y), shape=(4,)),
        "broadcast_to(multiply(sum(x), sum(y)))",
    ),
    (
        "one operand repeated more than the other",
        lambda x, y: BroadcastTo.of(Sum.of(x), shape=(4,)) * BroadcastTo.of(Sum.of(y), shape=(1, 4)),
        "broadcast_to(multiply(sum(x), sum(y)))",
    ),
    (
        "both operands broadcast, one used elsewhere",
        lambda x, y: (
            (repeated := BroadcastTo.of(Sum.of(x), shape=(4,))) * BroadcastTo.of(Sum.of(y), shape=(4,))
            + Exp.of(repeated)
        ),
        "add(multiply(sum(x), sum(y)), exp(broadcast_to(sum(x))))",
    ),
    (
        "twice a share",
        lambda x, y: (share := x.scalar(3.0) / Size.of(x, dtype=x.dtype)) + share,
        "divide(6.0, size(x))",
    ),
    (
        "twice a share that is too small to be sure",
        lambda x, y: (share := x.scalar(1e-30) / Size.of(x, dtype=x.dtype)) + share,
        "add(divide(",
    ),
    ("twice a quotient by no count", lambda x, y: (share := x.scalar(3.0) / x) + share, "add(divide("),
    (
        "merged axes joined",
        lambda x, y: Concat.of(
            *(Reshape.of(BroadcastTo.of(part, shape=(2, N, 3)), shape=(2, N * 3)) for part in (x, y)), axis=-1
        ),
        "reshape(concat(broadcast_to(x), broadcast_to(y)))",
    ),
    (
        "other axes merged and joined",
        lambda x, y: Concat.of(
            *(Reshape.of(BroadcastTo.of(part, shape=(2, N, 3)), shape=(N * 2, 3)) for part in (x, y)), axis=-1
        ),
        "concat(reshape(",
    ),
    ("sum over no axes", lambda x, y: Sum.of(x, axis=()), "x"),
    ("sum over size 1", lambda x, y: Sum.of(Reshape.of(x, shape=(N, 1, 3)), axis=(1,)), "x"),
    ("max over size 1", lambda x, y: Max.of(Reshape.of(x, shape=(N, 1, 3)), axis=(1,)), "x"),
    ("mean over size 1", lambda x, y: Mean.of(Reshape.of(x, shape=(N, 1, 3)), axis=(1,)), "x"),
    ("reduced axes taken away", lambda x, y: Reshape.of(Sum.of(x, axis=(1,), keepdims=True), shape=(N,)), "sum(x)"),
    ("reduced axes put back", lambda x, y: Reshape.of(Mean.of(x, axis=(0,)), shape=(1, 3)), "mean(x)"),
    ("a reduction reshaped", lambda x, y: Reshape.of(Sum.of(x, axis=(0,)), shape=(3, 1)), "reshape(sum(x))"),
    ("sum of what is repeated", lambda x, y: Sum.of(BroadcastTo.of(x, shape=(5, N, 3)), axis=(0,)), "multiply(x, 5.0)"),
    (
        "sum over one of two axes along which a value is repeated",
        lambda x, y: Sum.of(BroadcastTo.of(Sum.of(x), shape=(5, 7)), axis=(1,), keepdims=True),
        "broadcast_to(multiply(sum(x), 7.0))",
    ),
    (
        "sum over the second of two axes along which a value is repeated",
        lambda x, y: Sum.of(BroadcastTo.of(Sum.of(x, axis=(1,), keepdims=True), shape=(5, N, 7)), axis=(2,)),
        "broadcast_to(multiply(reshape(sum(x)), 7.0))",
    ),
    (
        "sum of more than what is repeated",
        lambda x, y: Sum.of(BroadcastTo.of(x, shape=(5, N, 3)), axis=(0, 2)),
        "sum(broadcast_to(x))",
    ),
    (
        "sum of what is repeated by a symbol",
        lambda x, y: Sum.of(BroadcastTo.of(Sum.of(x), shape=(N,))),
        "sum(broadcast_to(sum(x)))",
    ),
    (
        "sum of what is repeated too often to count in the dtype",
        lambda x, y: Sum.of(BroadcastTo.of(through(Sum.of(x), DType.FLOAT16), shape=(4097,))),
        "sum(broadcast_to(astype(sum(x))))",
    ),
    ("prod over a symbol", lambda x, y: Prod.of(x, axis=(0,)), "prod(x)"),
    ("whole slice", lambda x, y: Slice.of(x, start=(0, 0), stop=(N, 3)), "x"),
    ("whole slice in steps", lambda x, y: Slice.of(x, start=(0, 0), stop=(N, 3), step=(1, 2)), "slice(x)"),
    ("pad by nothing", lambda x, y: Pad.of(x, low=(0, 0), high=(0, 0)), "x"),
    ("pad within", lambda x, y: Pad.of(x, low=(0, 0), high=(0, 0), interior=(0, 1)), "pad(x)"),
    ("slice of a slice", lambda x, y: Slice.of(columns(x, 1, 3), start=(0, 1), stop=(N, 2)), "slice(x)"),
    (
        "slice of a slice in steps",
        lambda x, y: Slice.of(Slice.of(x, start=(0, 0), stop=(N, 3), step=(1, 2)), start=(0, 1), stop=(N, 2)),
        "slice(slice(x))",
    ),
    ("slice of padding", lambda x, y: columns(padded(x, 2, 1), 2, 5), "x"),
    ("slice within padding", lambda x, y: columns(padded(x, 2, 1), 3, 4), "slice(x)"),
    ("slice with padding", lambda x, y: columns(padded(x, 2, 1), 1, 4), "slice(pad(x))"),
    ("slice of one part", lambda x, y: columns(Concat.of(x, y, axis=1), 3, 6), "y"),
    ("slice of a part of one part", lambda x, y: columns(Concat.of(x, y, axis=1), 4, 6), "slice(y)"),
    ("slice of two parts", lambda x, y: columns(Concat.of(x, y, axis=1), 2, 6), "slice(concat(x, y))"),
    ("pad twice", lambda x, y: padded(padded(x, 1, 0), 0, 2), "pad(x)"),
    ("pad twice differently", lambda x, y: padded(padded(x, 1, 0), 0, 2, 1.0), "pad(pad(x))"),
    ("pad and cut", lambda x, y: padded(padded(x, 1, 0), -1, 0), "pad(pad(x))"),
    ("pads side by side", lambda x, y: padded(x, 0, 3) + padded(y, 3, 0), "concat(x, y)"),
    ("pads side by side in a row", lambda x, y: padded(x, 4, 1) + padded(y, 1, 4), "pad(concat(y, x))"),
    ("pads that overlap", lambda x, y: padded(x, 0, 1) + padded(y, 1, 0), "add(pad(x), pad(y))"),
    (
        "pads along two axes",
        lambda x, y: Pad.of(x, low=(0, 3), high=(N, 0)) + Pad.of(y, low=(N, 0), high=(0, 3)),
        "add(pad(x), pad(y))",
    ),
    ("joined twice", lambda x, y: Concat.of(x, Concat.of(y, x, axis=1), axis=-1), "concat(x, y, x)"),
    ("joined along two axes", lambda x, y: Concat.of(x, Concat.of(y, x)), "concat(x, y, x)"),
    (
        "joined across",
        lambda x, y: Concat.of(Concat.of(x, x, axis=1), Concat.of(y, y, axis=1)),
        "concat(concat(x, x), concat(y, y))",
    ),
    ("slices joined", lambda x, y: Concat.of(columns(x, 0, 1), columns(x, 1, 3), axis=1), "x"),
    (
        "slices exchanged",
        lambda x, y: Concat.of(columns(x, 1, 3), columns(x, 0, 1), axis=1),
        "concat(slice(x), slice(x))",
    ),
    ("einsum of a transposed", lambda x, y: Einsum.of(transpose(x), y, equation="ab,bc->ac"), "einsum(x, y)"),
    ("an einsum transposed", lambda x, y: transpose(Einsum.of(x, y, equation="ab,cb->ac")), "einsum(x, y)"),
    (
        "an einsum that is a product",
        lambda x, y: Einsum.of(x, Reshape.of(y, shape=(3, N)), equation="ab,bc->ac"),
        "matmul(x, reshape(y))",
    ),
    ("a product summed", lambda x, y: Einsum.of(x, y, equation="ab,ab->a"), "einsum(x, y)"),
    ("concat of one", lambda x, y: Concat.of(x), "x"),
    ("flip twice", lambda x, y: Flip.of(Flip.of(x, axis=(0,)), axis=(-2,)), "x"),
    ("flip differently", lambda x, y: Flip.of(Flip.of(x, axis=(0,)), axis=(1,)), "flip(flip(x))"),
    ("flip along nothing", lambda x, y: Flip.of(x, axis=()), "x"),
]
