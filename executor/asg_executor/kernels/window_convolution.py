"""The kernel of convolution: matrix products over tiles that fit into a core's cache.

Everything is brought to one form, groups first, elements of x not moved apart:

result[g, n, o, p…] = Σ_c Σ_k… x[g, n, c, p·stride + k·dilation - low …] · weight[g, o, c, k…].

Where x is to be moved apart, the places of the result fall into phases that meet different positions of the kernel, and
each phase is of that form. A tile of x is padded, its windows are laid out as the columns of a matrix, and that is
multiplied with the weight: tile by tile of the batch where the kernel is the smaller, or tile by tile of the channels,
adding up, where the result is, as in a gradient by a weight.
"""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.window_tiles import AxisWindows, WindowTiles, merged_rows
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.window import Conv
from asg_schema.windows import steps_of

__all__ = ["conv"]

_TILE_BYTES = 1 << 19
_FEWEST_COLUMNS = 192  # of a product that BLAS computes at full speed
_DEPTHWISE = 4  # at most as many products of channels in a group are computed element by element


@kernels.define(Conv)
def conv(op: Conv, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Half precision is multiplied and summed in single precision."""

    def make(arrays: Arrays, target: Array) -> Step:
        if target.size == 0:
            return sequence()
        x, weight, result = _grouped(op, arrays[0], arrays[1], target)
        return sequence(*_phases(op, x, weight, result, workspace))

    if is_half(results[0]):
        return in_float32(make, operands, results[0], workspace)
    return make(operands, results[0])


def _grouped(op: Conv, x: Array, weight: Array, result: Array) -> tuple[Array, Array, Array]:
    """X [g, n, c, …], weight [g, o, c, …] and result [g, n, o, …] with the groups as an axis of their own."""
    features, batches = op.feature_groups, op.batch_groups
    groups = features * batches
    weight = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    result = result.reshape(result.shape[0], groups, result.shape[1] // groups, *result.shape[2:]).swapaxes(0, 1)
    if batches > 1:
        return x.reshape(batches, x.shape[0] // batches, *x.shape[1:]), weight, result
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]).swapaxes(0, 1), weight, result


class _Phase(NamedTuple):
    """Places of the result along one axis that meet the same positions of the kernel.

    Attributes:
        places: which places of the result.
        positions: which positions of the kernel they meet; the others meet zeros between the elements of x.
        windows: where those positions are in x itself.
    """

    places: slice
    positions: slice
    windows: AxisWindows


def _axis_phases(stride: int, low: int, apart: int, dilation: int, kernel: int, places: int) -> Iterator[_Phase]:
    """The phases along one axis: place p meets position k where p·stride + k·dilation - low is a multiple of `apart`.

    With h = gcd(dilation, apart) that holds for every (apart / h)-th position, or for none, and is the same for every
    (apart / gcd(stride, apart))-th place.
    """
    period = apart // math.gcd(stride, apart)
    common = math.gcd(dilation, apart)
    for place in range(min(period, places)):
        count = -(-(places - place) // period)
        firsts = (k for k in range(min(apart // common, kernel)) if (place * stride + k * dilation - low) % apart == 0)
        first = next(firsts, kernel)
        positions = slice(first, kernel, apart // common)
        start = (place * stride + first * dilation - low) // apart
        size = len(range(first, kernel, apart // common))
        # Of one place or one position the distance to the next has no meaning, and may be more than an array's stride.
        step, distance = period * stride // apart if count > 1 else 1, dilation // common if size > 1 else 1
        windows = AxisWindows(start, step, count, distance, size)
        yield _Phase(slice(place, places, period), positions, windows)


def _phases(op: Conv, x: Array, weight: Array, result: Array, workspace: Workspace) -> Iterator[Step]:
    spatial = x.ndim - 3
    strides, dilation = (steps_of("", given, spatial) for given in (op.strides, op.rhs_dilation))
    apart = steps_of("", op.lhs_dilation, spatial)
    padding = op.padding or ((0, 0),) * spatial
    axes = [
        list(_axis_phases(strides[i], padding[i][0], apart[i], dilation[i], weight.shape[3 + i], result.shape[3 + i]))
        for i in range(spatial)
    ]
    for phases in product(*axes):
        places = tuple(phase.places for phase in phases)
        positions = tuple(phase.positions for phase in phases)
        part, kernel = result[(..., *places)], weight[(..., *positions)]
        if kernel.size == 0 or 0 in x.shape:
            yield partial(part.fill, 0)
        else:
            yield _contraction(x, kernel, part, [phase.windows for phase in phases], workspace)


def _contraction(x: Array, weight: Array, result: Array, axes: list[AxisWindows], workspace: Workspace) -> Step:
    """The step for elements that are not moved apart."""
    kernel, places = math.prod(weight.shape[3:]), math.prod(result.shape[3:])
    if kernel >= places:
        return _over_channels(x, weight, result, axes, workspace)
    if kernel == 1 and (direct := _products_of_channels(x, weight, result, axes, workspace)) is not None:
        return direct
    return _over_batch(x, weight, result, axes, workspace)


def _products_of_channels(
    x: Array, weight: Array, result: Array, axes: list[AxisWindows], workspace: Workspace
) -> Step | None:
    """A kernel of one position: for each image one product, right where everything stands; None if that cannot be."""
    if any(axis.stride != 1 or axis.is_padded(size) for axis, size in zip(axes, x.shape[3:], strict=True)):
        return None
    x = x[(..., *(slice(axis.start, axis.start + axis.places) for axis in axes))]
    matrix, target = merged_rows(x, 3), merged_rows(result, 3)
    if matrix is None or target is None:
        return None
    kernel, copies = _contiguous(weight, workspace)
    return sequence(*copies, partial(np.matmul, kernel.reshape(*weight.shape[:3])[:, None], matrix, out=target))


def _over_batch(x: Array, weight: Array, result: Array, axes: list[AxisWindows], workspace: Workspace) -> Step:
    """Tile by tile of the batch, and of the places along the first axis where those of one image are too many.

    The columns of a tile are [g, c, k…, n, place…]; where the stride is 1 the places of an image run on over the ends
    of its padded rows, so that they are copied in long runs, and what lies between the rows is computed and left out.
    """
    groups, outputs, channels = weight.shape[:3]
    depth = channels * math.prod(weight.shape[3:])
    tiles = WindowTiles(x, axes, tile_axis=1)
    row = tiles.run_length(1) * groups * (depth + outputs) * x.itemsize
    rows = min(axes[0].places, max(1, _TILE_BYTES // row, _FEWEST_COLUMNS // tiles.run_length(1)))
    image = tiles.run_length(rows)
    count = 1
    if rows == axes[0].places:
        fitting = _TILE_BYTES // (image * groups * (depth + outputs) * x.itemsize)
        count = min(x.shape[1], max(1, fitting, -(-_FEWEST_COLUMNS // image)))
    tiles.allocate(count, workspace)
    kernel, copies = _contiguous(weight, workspace)
    by_element = channels * outputs <= _DEPTHWISE
    products = workspace.empty((groups * outputs * count * image,), x.dtype)
    scratch = workspace.empty((groups * (1 if by_element else depth) * count * image,), x.dtype)
    multiply = _multiply_by_element if by_element else _multiply
    chunks = [(first, tiles.columns(first, rows)) for first in range(0, axes[0].places, rows)]
    before_batch = (slice(None),) * (weight.ndim - 1)
    targets: dict[tuple[int, int], tuple[Array, Array]] = {}
    for first, columns in chunks:
        for size in {count, (x.shape[1] - 1) % count + 1}:
            run = math.prod(columns.shape[weight.ndim :])
            target = products[: groups * outputs * size * run].reshape(groups, outputs, size * run)
            targets[first, size] = target, tiles.places(target, size, first, rows)

    def run_tiles() -> None:
        allowance = current_allowance()
        for begin in range(0, x.shape[1], count):
            allowance.check_time()
            where = tiles.load(begin)
            for first, columns in chunks:
                target, places = targets[first, where.stop - where.start]
                multiply(columns[(*before_batch, where)], kernel, target, scratch)
                np.copyto(result[:, begin : begin + count, :, first : first + rows], places)

    return sequence(*copies, run_tiles)


def _contiguous(weight: Array, workspace: Workspace) -> tuple[Array, list[Step]]:
    """A weight as a contiguous array, and the step that makes it one where it is not."""
    if weight.flags.c_contiguous:
        return weight, []
    copied = workspace.empty(weight.shape, weight.dtype)
    return copied, [partial(np.copyto, copied, weight)]


def _multiply(columns: Array, kernel: Array, target: Array, scratch: Array) -> None:
    """Columns [g, c, k…, n, place…] times the weight, into `target` [g, o, n · place]."""
    groups, outputs = kernel.shape[:2]
    block = scratch[: columns.size]
    np.copyto(block.reshape(columns.shape), columns)
    np.matmul(kernel.reshape(groups, outputs, -1), block.reshape(groups, -1, target.shape[2]), out=target)


def _multiply_by_element(columns: Array, kernel: Array, target: Array, scratch: Array) -> None:
    """`_multiply` position by position, for groups of so few channels that there is nothing to gain from BLAS."""
    groups, outputs = kernel.shape[:2]
    shape = (groups, *columns.shape[kernel.ndim - 1 :])
    term = scratch[: math.prod(shape)].reshape(shape)
    target.fill(0)
    allowance = current_allowance()
    for output in range(outputs):
        total = target[:, output].reshape(shape)
        for place in product(*map(range, kernel.shape[2:])):
            allowance.check_time()  # a kernel may have very many places
            factor = kernel[(slice(None), output, *place)].reshape(groups, *(1,) * (len(shape) - 1))
            np.multiply(columns[(slice(None), *place)], factor, out=term)
            np.add(total, term, out=total)


def _over_channels(x: Array, weight: Array, result: Array, axes: list[AxisWindows], workspace: Workspace) -> Step:
    """Tile by tile of the channels, adding up; the rows of a tile are [g, n, place…, c, k…]."""
    groups, outputs, channels = weight.shape[:3]
    kernel = math.prod(weight.shape[3:])
    rows = x.shape[1] * math.prod(result.shape[3:])
    tiles = WindowTiles(x, axes, tile_axis=2)
    fitting = _TILE_BYTES // (groups * kernel * (rows + outputs) * x.itemsize)
    count = min(channels, max(1, fitting, -(-_FEWEST_COLUMNS // kernel)))
    tiles.allocate(count, workspace)
    block = workspace.empty((groups * rows * count * kernel,), x.dtype)
    factors = workspace.empty((groups * outputs * count * kernel,), x.dtype)
    total, part = (workspace.empty((groups, outputs, rows), x.dtype) for _ in range(2))
    target = result.transpose(0, 2, 1, *range(3, result.ndim))
    windows = tiles.rows()
    before_channels = (slice(None),) * (result.ndim - 1)

    def run_tiles() -> None:
        allowance = current_allowance()
        for begin in range(0, channels, count):
            allowance.check_time()
            some = windows[(*before_channels, tiles.load(begin))]
            matrix = block[: some.size].reshape(some.shape)
            np.copyto(matrix, some)
            weights = weight[:, :, begin : begin + count]
            factor = factors[: weights.size].reshape(weights.shape)
            np.copyto(factor, weights)
            into = part if begin else total
            np.matmul(factor.reshape(groups, outputs, -1), matrix.reshape(groups, rows, -1).swapaxes(1, 2), out=into)
            if begin:
                np.add(total, part, out=total)
        np.copyto(target, total.reshape(target.shape))

    return run_tiles
