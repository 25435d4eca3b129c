"""Convolution at few places with a large kernel, as in the gradient by a weight.

Rows are the images at each place, columns are the outputs, and the terms are the positions of the kernel, one channel
after another. The images of a channel are copied with their padding; the weight of the channel is transposed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import prod

from llvmlite import ir

from asg_executor.engines.native.compilation import VectorUnit
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.packing import Panel, define_packing
from asg_executor.engines.native.matmul.tiling import Tiles
from asg_executor.engines.native.window.code import WindowCode
from asg_executor.engines.native.window.geometry import Convolution
from asg_executor.engines.native.window.planes import Line, Planes, define_copy
from asg_executor.engines.native.window.tile import TermTile, choose_term_tile, define_table, define_term_tile
from asg_executor.plan.layout import natural_strides

__all__ = ["OverKernel", "define_over_kernel", "over_kernel"]

_MOST_BYTES = 384 * 1024  # of the copies and sums of a unit: they stay in the second level of the cache
_MOST_TERMS = 2048
_MOST_ROWS = 2048


@dataclass(frozen=True)
class OverKernel:
    """How such a convolution is divided.

    Attributes:
        convolution: what is computed.
        kernel_rows: how many positions along the first spatial axis are met at a time.
        images: how many images a unit has.
        vectors: how many vectors of outputs a unit has.
        tiles: how the rows of a unit are cut into tiles.
        tile_vectors: how many vectors a tile has.
    """

    convolution: Convolution
    kernel_rows: int
    images: int
    vectors: int
    tiles: Tiles
    tile_vectors: int

    @property
    def image_blocks(self) -> int:
        """Into how many units the images are divided."""
        return -(-self.convolution.batch // self.images)

    def output_blocks(self, lanes: int) -> int:
        """Into how many units the outputs are divided."""
        return -(-self.convolution.outputs // (self.vectors * lanes))

    def units(self, lanes: int) -> int:
        """How many pieces of work there are."""
        return self.convolution.groups * self.image_blocks * self.output_blocks(lanes)

    @property
    def planes(self) -> Planes:
        """The copy of one image."""
        return _planes(self.convolution, self.kernel_rows)

    @property
    def terms(self) -> int:
        """How many positions are met at a time."""
        return self.kernel_rows * prod(axis.kernel for axis in self.convolution.axes[1:])

    def copy_elements(self, lanes: int) -> int:
        """How long the copies are, with what is written behind them."""
        return -(-(self.images * self.planes.elements + lanes) // lanes) * lanes

    def weight_elements(self, lanes: int) -> int:
        """How long the transposed weight is, with what is written behind it."""
        return (self.terms + lanes) * self.vectors * lanes

    def scratch_elements(self, lanes: int) -> int:
        """What a unit needs: the copies, the weight, and the sums of all rows."""
        sums = self.images * self.convolution.places * self.vectors * lanes
        return self.copy_elements(lanes) + self.weight_elements(lanes) + sums


def over_kernel(convolution: Convolution, threads: int, unit: VectorUnit, lanes: int) -> OverKernel:
    """Divide a convolution.

    Args:
        convolution: what is computed.
        threads: how many parts there should be.
        unit: the processor's vectors.
        lanes: how many elements one has.
    """
    size = unit.bytes // lanes
    across = -(-convolution.outputs // lanes)
    output_blocks = min(across, -(-threads // convolution.groups))
    vectors = -(-across // output_blocks)
    most_rows = min(_MOST_ROWS, max(1, _MOST_BYTES // (2 * vectors * unit.bytes)))
    images = min(convolution.batch, max(1, most_rows // convolution.places))
    image_blocks = max(-(-convolution.batch // images), -(-threads // (convolution.groups * output_blocks)))
    images = -(-convolution.batch // min(image_blocks, convolution.batch))
    first = convolution.axes[0].kernel
    inner = convolution.kernel // first

    def taken(rows: int) -> int:
        return images * _planes(convolution, rows).elements * size + rows * inner * vectors * unit.bytes

    blocks = -(-first // max(1, _MOST_TERMS // inner))
    while taken(-(-first // blocks)) > _MOST_BYTES and blocks < first:
        blocks += 1
    rows = images * convolution.places
    tiles, wide = choose_term_tile(rows, vectors, unit.registers)
    return OverKernel(convolution, -(-first // blocks), images, vectors, tiles, wide)


def _planes(convolution: Convolution, rows: int) -> Planes:
    lines = [
        Line(axis.start, axis.dilation, axis.kernel if index else rows, axis.stride, axis.places, axis.elements)
        for index, axis in enumerate(convolution.axes)
    ]
    return Planes(tuple(lines), convolution.x.spatial)


def define_over_kernel(module: ir.Module, division: OverKernel, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr x, ptr weight, ptr result, i64 unit, ptr scratch)` in a module.

    Args:
        module: where to define it.
        division: what it computes.
        elements: of the arrays.
        lanes: how many elements a vector has.
    """
    function = define_inner(module, "over_kernel", [POINTER, POINTER, POINTER, INDEX, POINTER])
    _Emitter(WindowCode(function, elements, lanes), division).emit()
    return function


class _Emitter:
    """Emits the code of a unit."""

    def __init__(self, code: WindowCode, division: OverKernel) -> None:
        self.code = code
        self.division = division
        self.convolution = division.convolution
        self.module = code.function.module
        self.x, self.weight, self.result, unit, self.copies = code.function.args
        self.columns = division.vectors * code.lanes
        self.transposed = code.at_number(self.copies, division.copy_elements(code.lanes))
        self.sums = code.at_number(self.transposed, division.weight_elements(code.lanes))
        rest, output_block = code.split(unit, division.output_blocks(code.lanes))
        self.group, image_block = code.split(rest, division.image_blocks)
        self.output = code.multiply(output_block, self.columns)
        self.image = code.multiply(image_block, division.images)
        self.outputs = code.least(code.subtract(self.convolution.outputs, self.output), self.columns)
        self.images = code.least(code.subtract(self.convolution.batch, self.image), division.images)

    def emit(self) -> None:
        """Emit all of it."""
        code, convolution, rows = self.code, self.convolution, self.division.kernel_rows
        with code.loop(0, convolution.channels) as channel:
            if rows == convolution.axes[0].kernel:
                self._terms(channel, 0, rows)
            else:
                with code.loop(0, convolution.axes[0].kernel, rows) as row:
                    self._terms(channel, row, code.least(code.subtract(convolution.axes[0].kernel, row), rows))
        self._write()
        code.builder.ret_void()

    def _terms(self, channel: Index, row: Index, rows: Index) -> None:
        """Add up what some lines of the kernel contribute in a channel."""
        code, convolution, x = self.code, self.convolution, self.convolution.x
        planes = self.division.planes
        copy = define_copy(self.module, planes, code.elements, code.lanes)
        source = code.add(code.multiply(self.group, x.group), code.multiply(channel, x.second))
        with code.loop(0, self.images) as image:
            begin = code.add(source, code.multiply(code.add(self.image, image), x.first))
            target = code.at_number(self.copies, code.multiply(image, planes.elements))
            code.builder.call(copy, [code.at(self.x, begin), target, code.value(row)])
        weight = convolution.weight
        offset = code.add(
            code.add(code.multiply(self.group, weight.group), code.multiply(channel, weight.second)),
            code.add(code.multiply(self.output, weight.first), code.multiply(row, weight.spatial[0])),
        )
        self._transpose(code.add(offset, weight.offset), rows)
        terms = code.multiply(rows, self.division.terms // self.division.kernel_rows)
        first = code.builder.and_(code.is_zero(channel), code.is_zero(row))
        self._products(code.value(terms), first)

    def _transpose(self, offset: Index, rows: Index) -> None:
        """Bring the weight of the outputs together, position by position."""
        code = self.code
        last = self.convolution.outputs % self.columns
        whole = self.convolution.outputs // self.columns
        if not last or not whole:
            self._transpose_outputs(offset, rows, last or self.columns)
            return
        is_last = code.builder.icmp_signed("==", code.value(self.outputs), INDEX(last))
        with code.builder.if_else(is_last) as (narrow, wide):
            with narrow:
                self._transpose_outputs(offset, rows, last)
            with wide:
                self._transpose_outputs(offset, rows, self.columns)

    def _transpose_outputs(self, offset: Index, rows: Index, outputs: int) -> None:
        code, weight = self.code, self.convolution.weight
        kernel = tuple(axis.kernel for axis in self.convolution.axes)
        *_, step = weight.spatial
        panel = Panel(outputs, self.columns, weight.first, step)
        pack = define_packing(self.module, panel, code.elements, code.lanes)
        if weight.spatial == tuple(stride * step for stride in natural_strides(kernel)):
            inner = self.division.terms // self.division.kernel_rows
            depth = code.value(code.multiply(rows, inner))
            code.builder.call(pack, [code.at(self.weight, offset), self.transposed, depth])
            return
        self._transpose_lines(pack, offset, 0, [rows, *kernel[1:]], 0)

    def _transpose_lines(self, pack: ir.Function, offset: Index, target: Index, counts: list[Index], axis: int) -> None:
        """Line after line, each of which may overwrite the beginning of the next one."""
        code, weight = self.code, self.convolution.weight
        if axis == len(counts) - 1:
            arguments = [
                code.at(self.weight, offset),
                code.at_number(self.transposed, target),
                code.value(counts[axis]),
            ]
            code.builder.call(pack, arguments)
            return
        steps = self.columns * prod(axis.kernel for axis in self.convolution.axes[axis + 1 :])
        with code.loop(0, counts[axis]) as position:
            source = code.add(offset, code.multiply(position, weight.spatial[axis]))
            self._transpose_lines(pack, source, code.add(target, code.multiply(position, steps)), counts, axis + 1)

    def _products(self, count: ir.Value, first: ir.Value) -> None:
        code, division = self.code, self.division
        planes = division.planes
        met = planes.offsets
        terms = define_table(
            self.module, [number for k, place in enumerate(met) for number in (place, k * self.columns)], "terms"
        )
        rows = define_table(
            self.module,
            [image * planes.elements + place for image in range(division.images) for place in planes.other_offsets],
            "rows",
        )
        whole, rest = divmod(division.vectors, division.tile_vectors)
        for begin, end, vectors in ((0, whole, division.tile_vectors), (whole, whole + 1, rest)):
            if begin == end or not vectors:
                continue
            with code.loop(begin, end) as number:
                column = code.multiply(number, division.tile_vectors * code.lanes)
                right = code.at_number(self.transposed, column)
                for size in division.tiles.sizes:
                    tile = TermTile(size, vectors, self.columns, is_copied=True)
                    function = define_term_tile(self.module, tile, code.elements, code.lanes)
                    with self._tiles_of(size) as row:
                        place = code.builder.gep(rows, [code.value(row)], source_etype=INDEX, inbounds=True)
                        target = code.at_number(self.sums, code.add(code.multiply(row, self.columns), column))
                        code.builder.call(function, [self.copies, place, right, target, terms, count, first])

    @contextmanager
    def _tiles_of(self, size: int) -> Generator[Index]:
        """A loop over the tiles of a size; it gives the first row of each."""
        code, tiles = self.code, self.division.tiles
        is_large = size == tiles.size
        before = 0 if is_large else tiles.large * tiles.size
        with code.loop(0, tiles.large if is_large else tiles.count - tiles.large) as tile:
            yield code.add(code.multiply(tile, size), before)

    def _write(self) -> None:
        """Write the sums to where the result has them."""
        code, convolution, result = self.code, self.convolution, self.convolution.result
        target = code.add(
            code.add(code.multiply(self.group, result.group), result.offset),
            code.add(code.multiply(self.image, result.first), code.multiply(self.output, result.second)),
        )
        places = product(*(range(axis.places) for axis in convolution.axes))
        offsets = [sum(p * stride for p, stride in zip(place, result.spatial, strict=True)) for place in places]
        table = define_table(self.module, offsets, "places")
        with code.loop(0, self.images) as image, code.loop(0, convolution.places) as place:
            address = code.builder.gep(table, [place], source_etype=INDEX, inbounds=True)
            offset = code.add(target, code.builder.load(address, typ=INDEX))
            offset = code.add(offset, code.multiply(image, result.first))
            row = code.add(code.multiply(image, convolution.places), place)
            with code.loop(0, self.outputs) as output:
                value = code.load_number(code.at_number(self.sums, code.add(code.multiply(row, self.columns), output)))
                code.store(value, code.at(self.result, code.add(offset, code.multiply(output, result.second))))
