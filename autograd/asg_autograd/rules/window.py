"""Gradient rules of windows: those of a convolution are convolutions, that of a sum of windows is a sum of windows.

What a stride leaves out behind the last window is not known where an axis is symbolic. There the most that it may be is
computed, and what is too much is cut off.
"""

from collections.abc import Sequence

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.composites.window_unpooling import MaxUnpool
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.ops.layout import PermuteDims, Reshape, Slice
from asg_schema.ops.window import Conv, MaxPool, WindowSum
from asg_schema.window_expansion import exchange, reversed_kernel, spread, spread_conv
from asg_schema.windows import Window, dilated, steps_of

__all__: list[str] = []


def _left_out(sizes: Sequence[Dim], window: Window) -> list[Dim]:
    """How many elements behind its last place a window does not reach, along each axis."""
    steps = zip(sizes, window.padding, window.reach, window.strides, strict=True)
    return [(size + low + high - reach) % stride for size, (low, high), reach, stride in steps]


def _opposite_padding(window: Window, left_out: Sequence[Dim]) -> list[tuple[Dim, Dim]]:
    """The padding of the cotangent, its elements as far apart as the strides are, for windows with stride 1."""
    steps = zip(window.padding, window.reach, window.strides, left_out, strict=True)
    return [
        (reach - 1 - low, reach - 1 - high + (rest if isinstance(rest, int) else stride - 1))
        for (low, high), reach, stride, rest in steps
    ]


def _cut(x: Value, sizes: tuple[Dim, ...]) -> Value:
    """The first `sizes` elements along the last axes."""
    return Slice.of(x, start=(0,) * x.rank, stop=(*x.shape[: x.rank - len(sizes)], *sizes))


@rules.define(Conv)
def _conv(op: Conv, at: Application) -> Cotangents:
    x, weight = at.operands
    if 0 in x.shape[2:]:  # nothing but padding was read
        return tuple(operand.editor.full(operand.shape, 0.0, operand.dtype) for operand in at.operands)
    window = op.window(weight.shape)
    apart = steps_of("lhs_dilation", op.lhs_dilation, x.rank - 2)
    left_out = _left_out([dilated(size, step) for size, step in zip(x.shape[2:], apart, strict=True)], window)
    return _by_x(op, at, window, left_out), _by_weight(op, at, window, left_out)


def _by_x(op: Conv, at: Application, window: Window, left_out: Sequence[Dim]) -> Value:
    """A convolution of the cotangent with the reversed kernel, whose inputs and outputs change places."""
    (x, weight), groups = at.operands, op.feature_groups * op.batch_groups
    transposed = _transposed(op, at, window, left_out)
    if transposed is not None:
        return transposed
    result = spread_conv(
        at.g,
        reversed_kernel(weight, groups),
        _opposite_padding(window, left_out),
        window.strides,
        strides=op.lhs_dilation,
        rhs_dilation=op.rhs_dilation,
        feature_groups=groups,
    )
    return _groups_to_batch(_cut(result, x.shape[2:]), op.batch_groups)


def _transposed(op: Conv, at: Application, window: Window, left_out: Sequence[Dim]) -> Value | None:
    """The cotangent of x as a transposed convolution, which it is wherever that can say it."""
    x, weight = at.operands
    extra = tuple(rest for rest in left_out if isinstance(rest, int))
    spread_before = op.batch_groups != 1 or any(step != 1 for step in op.lhs_dilation or ())
    if spread_before or len(extra) != len(left_out) or 0 in (*at.g.shape[2:], *weight.shape[2:]):
        return None
    # There padding cuts off at the end, and output_padding adds; here what the stride left out was not read.
    result = ConvTranspose.of(
        at.g,
        weight,
        strides=op.strides,
        padding=op.padding,
        output_padding=extra if any(extra) else None,
        groups=op.feature_groups,
        dilation=op.rhs_dilation,
    )
    return result if result.shape == x.shape else None


def _by_weight(op: Conv, at: Application, window: Window, left_out: Sequence[Dim]) -> Value:
    """A convolution of x with the cotangent, over the batch."""
    x, weight = at.operands
    padding = [
        (low, high - (rest if isinstance(rest, int) else 0))
        for (low, high), rest in zip(window.padding, left_out, strict=True)
    ]
    result = Conv.of(
        exchange(x),
        exchange(at.g),
        strides=op.rhs_dilation,
        padding=padding,
        lhs_dilation=op.lhs_dilation,
        rhs_dilation=op.strides,
        feature_groups=op.batch_groups,
        batch_groups=op.feature_groups,
    )
    return exchange(_cut(result, weight.shape[2:]))


def _groups_to_batch(x: Value, groups: int) -> Value:
    """The runs of channels of x [n, groups · c, *spatial] as runs of the batch: [groups · n, c, *spatial]."""
    if groups == 1:
        return x
    batch, channels, *spatial = x.shape
    split = Reshape.of(x, shape=(batch, groups, channels // groups, *spatial))
    turned = PermuteDims.of(split, axes=(1, 0, *range(2, split.rank)))
    return Reshape.of(turned, shape=(batch * groups, channels // groups, *spatial))


@rules.define(WindowSum)
def _window_sum(op: WindowSum, at: Application) -> Cotangents:
    window = op.window
    sizes = at.x.shape[at.x.rank - len(window.size) :]
    if 0 in sizes:
        return (at.x.editor.full(at.x.shape, 0.0, at.x.dtype),)
    padding = _opposite_padding(window, _left_out(sizes, window))
    moved_apart = spread(at.g, padding, window.strides)
    return (_cut(WindowSum.of(moved_apart, kernel_size=op.kernel_size, dilation=op.dilation), sizes),)


@rules.define(MaxPool)
def _max_pool(op: MaxPool, at: Application) -> Cotangents:
    x, (_, indices) = at.x, at.results
    return (MaxUnpool.of(at.g, indices, output_size=x.shape[x.rank - len(op.kernel_size) :]),)
