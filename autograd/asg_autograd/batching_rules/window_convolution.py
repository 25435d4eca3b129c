"""Batching rule of convolution: examples become part of the batch, of the channels, or of the groups.

The axes are named as in the op: x is [N, C, *spatial], weight [O, C/groups, *kernel], the result [N, O, *places]. Of
either kind of groups, features or batches, there are G.
"""

from string import ascii_letters

from asg_autograd.batching_rules.axes import move_axes
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.creation import Iota
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import Pad, Reshape
from asg_schema.ops.window import Conv
from asg_schema.tensor_type import TensorType

__all__: list[str] = []


@batching.define(Conv)
def _conv(op: Conv, at: Batched) -> Results:
    if not at.mapped[1]:
        return _in_the_batch(op, at)
    if not at.mapped[0]:
        return _in_the_channels(op, at)
    # The number of groups is a number: of a symbol of examples it is not known.
    return _in_the_groups(op, at) if isinstance(at.size, int) and at.size > 0 else _as_products(op, at)


def _in_the_batch(op: Conv, at: Batched) -> Results:
    """One weight for all examples: [B, N, …] is a batch of B · N, group by group where it has groups."""
    if op.batch_groups == 1:
        return at.folded(at.operands[1:])
    batch, *rest = at.shape()
    groups, size = op.batch_groups, batch // op.batch_groups
    grouped = move_axes(Reshape.of(at.x, shape=(at.size, groups, size, *rest)), [0], 1)
    (result,) = at.again(Reshape.of(grouped, shape=(at.size * batch, *rest)), at.operands[1])
    return (Reshape.of(result, shape=(at.size, size, *result.shape[1:])),)


def _in_the_channels(op: Conv, at: Batched) -> Results:
    """One x for all examples: weights [B, O, …] make B · O channels, within each group where there are any."""
    channels, *kernel = at.shape(1)
    groups = op.feature_groups * op.batch_groups
    size = channels // groups
    weight = move_axes(Reshape.of(at.operands[1], shape=(at.size, groups, size, *kernel)), [0], 1)
    (result,) = at.again(at.x, Reshape.of(weight, shape=(at.size * channels, *kernel)))
    batch, _, *places = result.shape
    apart = move_axes(Reshape.of(result, shape=(batch, groups, at.size, size, *places)), [2], 0)
    return (Reshape.of(apart, shape=(at.size, batch, channels, *places)),)


def _in_the_groups(op: Conv, at: Batched) -> Results:
    """An x and a weight for each example: each is a group of features, and groups of the batch become such groups."""
    batch, features, *spatial = at.shape(0)
    channels, *kernel = at.shape(1)
    size = batch // op.batch_groups
    x = move_axes(Reshape.of(at.x, shape=(at.size, op.batch_groups, size, features, *spatial)), [2], 0)
    x = Reshape.of(x, shape=(size, at.size * op.batch_groups * features, *spatial))
    weight = Reshape.of(at.operands[1], shape=(at.size * channels, *kernel))
    groups = at.size * op.feature_groups * op.batch_groups
    (result,) = at.again(x, weight, feature_groups=groups, batch_groups=1)
    places = result.shape[2:]
    return (move_axes(Reshape.of(result, shape=(size, at.size, channels, *places)), [1], 0),)


def _as_products(op: Conv, at: Batched) -> Results:
    """An x and a weight for each of an unknown number of examples: products with what each place of the window meets.

    It takes the memory of x times the number of positions of the window, and is there so that any number will do.
    """
    batch, features, *spatial = at.shape(0)
    channels, _, *kernel = at.shape(1)
    (result,) = op.infer([TensorType(at.x.dtype, at.shape(index)) for index in (0, 1)])
    feature_groups, batch_groups = op.feature_groups, op.batch_groups
    groups, size = feature_groups * batch_groups, batch // batch_groups
    x = _with_met_elements(op, at.x, kernel, result.shape[2:])
    met = x.shape[3:]
    x = Reshape.of(x, shape=(at.size, batch_groups, size, feature_groups, features // feature_groups, *met))
    weight = at.operands[1]
    weight = Reshape.of(weight, shape=(at.size, groups, channels // groups, *weight.shape[2:]))
    b, n, c, o, h, f, *free = ascii_letters
    p, k = free[: len(spatial)], free[len(spatial) : 2 * len(spatial)]
    x_labels = [b, h, n, f, c, *(label for pair in zip(p, k, strict=True) for label in pair)]
    # One of the two kinds of groups is 1, which stands for the other in the weight.
    g, one = (h, f) if batch_groups > 1 else (f, h)
    x = Reshape.of(x, shape=tuple(dim for label, dim in zip(x_labels, x.shape, strict=True) if label != one))
    x_labels.remove(one)
    equation = f"{''.join(x_labels)},{''.join((b, g, o, c, *k))}->{''.join((b, n, g, o, *p))}"
    product = Einsum.of(x, weight, equation=equation)
    return (Reshape.of(product, shape=(at.size, *result.shape)),)


def _with_met_elements(op: Conv, x: Value, kernel: list[Dim], places: tuple[Dim, ...]) -> Value:
    """X [B, N, C, *spatial] with what the window meets: for each spatial axis its places, and its positions there."""
    window, spatial = op.window((0, 0, *kernel)), len(kernel)
    between = tuple(apart - 1 for apart in op.lhs_dilation or (1,) * spatial)
    low, high = zip(*window.padding, strict=True)
    if any((*between, *low, *high)):
        x = Pad.of(x, low=(0, 0, 0, *low), high=(0, 0, 0, *high), interior=(0, 0, 0, *between))
    for axis in reversed(range(spatial)):
        step = {"dtype": DType.INT64, "axis": 0, "shape": (places[axis], 1)}
        (begin,) = x.editor.emit(Iota, (), step)
        (position,) = x.editor.emit(Iota, (), {"dtype": DType.INT64, "axis": 1, "shape": (1, kernel[axis])})
        x = Take.of(x, begin * window.strides[axis] + position * window.dilation[axis], axis=axis + 3)
    return x
