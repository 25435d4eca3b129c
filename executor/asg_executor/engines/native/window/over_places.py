"""Convolution with a kernel of few positions: a product of the weight and the windows, which are not copied.

The channels of an image are copied with their padding. There, the elements that one position of the kernel meets at
all places are a run, if what lies between the ends of two lines of places is computed too and left out afterwards.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

from llvmlite import ir

from asg_executor.engines.native.compilation import VectorUnit
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.tiling import Tiles
from asg_executor.engines.native.window.code import WindowCode
from asg_executor.engines.native.window.geometry import Convolution
from asg_executor.engines.native.window.planes import Line, Planes, define_copy
from asg_executor.engines.native.window.tile import TermTile, choose_term_tile, define_table, define_term_tile

__all__ = ["OverPlaces", "define_over_places", "over_places"]

_MOST_BYTES = 384 * 1024  # of the copies and sums of a unit: they stay in the second level of the cache
_MOST_TERMS = 2048


@dataclass(frozen=True)
class OverPlaces:
    """How such a convolution is divided.

    Attributes:
        convolution: what is computed.
        rows: how many places along the first spatial axis a unit has.
        channels: how many channels are copied at a time.
        output_blocks: into how many units the outputs are divided.
        tiles: how they are cut into tiles.
        vectors: how many vectors of places a tile has.
    """

    convolution: Convolution
    rows: int
    channels: int
    output_blocks: int
    tiles: Tiles
    vectors: int

    @property
    def row_blocks(self) -> int:
        """Into how many units the places of an image are divided."""
        return -(-self.convolution.axes[0].places // self.rows)

    @property
    def units(self) -> int:
        """How many pieces of work there are."""
        return self.convolution.groups * self.convolution.batch * self.row_blocks * self.output_blocks

    @property
    def planes(self) -> Planes:
        """The copy of one channel."""
        return _planes(self.convolution, self.rows)

    def run(self, lanes: int) -> int:
        """The places of a unit, with what lies between their lines, in whole vectors."""
        return -(-self.planes.run // lanes) * lanes

    def copy_elements(self, lanes: int) -> int:
        """How long the copies are, with what is read and written behind them."""
        return -(-(self.channels * self.planes.elements + 2 * lanes) // lanes) * lanes

    def scratch_elements(self, lanes: int) -> int:
        """What a unit needs: the copies, the sums of the outputs that it computes, and a vector behind."""
        most = -(-self.tiles.count // self.output_blocks) * self.tiles.size
        return self.copy_elements(lanes) + most * self.run(lanes) + lanes


def over_places(convolution: Convolution, threads: int, unit: VectorUnit, lanes: int) -> OverPlaces:
    """Divide a convolution.

    Args:
        convolution: what is computed.
        threads: how many parts there should be.
        unit: the processor's vectors.
        lanes: how many elements one has.
    """
    places = convolution.axes[0].places
    channels = min(convolution.channels, max(1, _MOST_TERMS // convolution.kernel))
    size = unit.bytes // lanes
    images = convolution.groups * convolution.batch

    def taken(rows: int) -> int:
        planes = _planes(convolution, rows)
        return (channels * planes.elements + convolution.outputs * planes.run) * size

    blocks = min(places, -(-threads // images))
    while taken(-(-places // blocks)) > _MOST_BYTES and blocks < places:
        blocks += 1
    rows = -(-places // blocks)
    across = -(-_planes(convolution, rows).run // lanes)
    tiles, wide = choose_term_tile(convolution.outputs, across, unit.registers)
    output_blocks = min(tiles.count, -(-threads // (images * -(-places // rows))))
    return OverPlaces(convolution, rows, channels, output_blocks, tiles, wide)


def _planes(convolution: Convolution, rows: int) -> Planes:
    lines = [
        Line(axis.start, axis.stride, axis.places if index else rows, axis.dilation, axis.kernel, axis.elements)
        for index, axis in enumerate(convolution.axes)
    ]
    return Planes(tuple(lines), convolution.x.spatial)


def define_over_places(module: ir.Module, division: OverPlaces, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr x, ptr weight, ptr result, i64 unit, ptr scratch)` in a module.

    Args:
        module: where to define it.
        division: what it computes.
        elements: of the arrays.
        lanes: how many elements a vector has.
    """
    function = define_inner(module, "over_places", [POINTER, POINTER, POINTER, INDEX, POINTER])
    _Emitter(WindowCode(function, elements, lanes), division).emit()
    return function


class _Emitter:
    """Emits the code of a unit."""

    def __init__(self, code: WindowCode, division: OverPlaces) -> None:
        self.code = code
        self.division = division
        self.convolution = division.convolution
        self.module = code.function.module
        self.x, self.weight, self.result, unit, self.copies = code.function.args
        self.run = division.run(code.lanes)
        self.sums = code.at_number(self.copies, division.copy_elements(code.lanes))
        rest, self.output_block = code.split(unit, division.output_blocks)
        rest, self.row_block = code.split(rest, division.row_blocks)
        self.group, self.image = code.split(rest, self.convolution.batch)
        tiles = division.tiles.count
        self.tile_begin, self.tile_end = code.share(self.output_block, tiles, division.output_blocks)
        self.first_output = self._output_of(self.tile_begin)

    def emit(self) -> None:
        """Emit all of it."""
        code, convolution = self.code, self.convolution
        if self.division.channels == convolution.channels:
            self._channels(0, convolution.channels)
        else:
            with code.loop(0, convolution.channels, self.division.channels) as begin:
                self._channels(begin, code.least(code.subtract(convolution.channels, begin), self.division.channels))
        self._write()
        code.builder.ret_void()

    def _output_of(self, tile: Index) -> Index:
        """The first output of a tile."""
        code, tiles = self.code, self.division.tiles
        if tiles.large == tiles.count:
            return code.multiply(tile, tiles.size)
        return code.add(code.multiply(tile, tiles.size - 1), code.least(tile, tiles.large))

    def _channels(self, begin: Index, count: Index) -> None:
        """Add up what some channels contribute."""
        code, convolution, division = self.code, self.convolution, self.division
        planes = division.planes
        copy = define_copy(self.module, planes, code.elements, code.lanes)
        x = convolution.x
        image = code.at(self.x, code.add(code.multiply(self.group, x.group), code.multiply(self.image, x.first)))
        row = code.value(code.multiply(self.row_block, division.rows))
        with code.loop(0, count) as channel:
            source = code.at(image, code.multiply(code.add(begin, channel), x.second))
            code.builder.call(copy, [source, code.at_number(self.copies, code.multiply(channel, planes.elements)), row])
        weight = code.add(
            code.add(convolution.weight.offset, code.multiply(self.group, convolution.weight.group)),
            code.multiply(begin, convolution.weight.second),
        )
        terms = code.multiply(count, convolution.kernel)
        first = CONDITION(1) if begin == 0 else code.is_zero(begin)
        self._products(code.at(self.weight, weight), code.value(terms), first)

    def _products(self, weight: ir.Value, count: ir.Value, first: ir.Value) -> None:
        code, division = self.code, self.division
        terms = define_table(self.module, self._terms(), "terms")
        rows = define_table(
            self.module, [row * self.convolution.weight.first for row in range(division.tiles.size)], "rows"
        )
        whole, rest = divmod(self.run // code.lanes, division.vectors)
        kinds = [(0, whole, division.vectors), (whole, whole + 1, rest)]
        for begin, end, vectors in kinds:
            if begin == end or not vectors:
                continue
            with code.loop(begin, end) as number:
                column = code.multiply(number, division.vectors * code.lanes)
                for size in division.tiles.sizes:
                    tile = TermTile(size, vectors, self.run, is_copied=False)
                    function = define_term_tile(self.module, tile, code.elements, code.lanes)
                    with self._tiles_of(size) as output:
                        left = code.at(weight, code.multiply(output, self.convolution.weight.first))
                        line = code.multiply(code.subtract(output, self.first_output), self.run)
                        target = code.at_number(self.sums, code.add(line, column))
                        right = code.at_number(self.copies, column)
                        code.builder.call(function, [left, rows, right, target, terms, count, first])

    @contextmanager
    def _tiles_of(self, size: int) -> Generator[Index]:
        """A loop over the unit's tiles of a size; it gives the first output of each."""
        code, tiles = self.code, self.division.tiles
        is_large = size == tiles.size
        begin = self.tile_begin if is_large else code.most(self.tile_begin, tiles.large)
        end = code.least(self.tile_end, tiles.large) if is_large else self.tile_end
        with code.loop(begin, end) as tile:
            yield self._output_of(tile)

    def _write(self) -> None:
        """Write the sums to where the result has them, without what lies between the lines of places."""
        code, convolution = self.code, self.convolution
        first_row = code.multiply(self.row_block, self.division.rows)
        rows = code.least(code.subtract(convolution.axes[0].places, first_row), self.division.rows)
        counts: list[Index] = [rows, *(axis.places for axis in convolution.axes[1:])]
        result = convolution.result
        target = code.add(code.multiply(self.group, result.group), code.multiply(self.image, result.first))
        target = code.add(code.add(target, result.offset), code.multiply(first_row, result.spatial[0]))
        with code.loop(self.first_output, self._output_of(self.tile_end)) as output:
            source = code.multiply(code.subtract(output, self.first_output), self.run)
            self._write_lines(source, code.add(target, code.multiply(output, result.second)), counts, 0)

    def _write_lines(self, source: Index, target: Index, counts: Sequence[Index], axis: int) -> None:
        code = self.code
        stride = self.convolution.result.spatial[axis]
        if axis == len(counts) - 1:
            self._write_line(source, target, counts[axis], stride)
            return
        with code.loop(0, counts[axis]) as place:
            self._write_lines(
                code.add(source, code.multiply(place, self.division.planes.pitches[axis])),
                code.add(target, code.multiply(place, stride)),
                counts,
                axis + 1,
            )

    def _write_line(self, source: Index, target: Index, count: Index, stride: int) -> None:
        code = self.code
        if stride != 1:
            with code.loop(0, count) as place:
                value = code.load_number(code.at_number(self.sums, code.add(source, place)))
                code.store(value, code.at(self.result, code.add(target, code.multiply(place, stride))))
            return
        with code.loop(0, count, code.lanes) as place:
            mask = code.first_lanes(code.value(code.subtract(count, place)))
            vector = code.load_run(code.at_number(self.sums, code.add(source, place)))
            code.store_vector(vector, code.at(self.result, code.add(target, place)), mask)

    def _terms(self) -> list[int]:
        """For each channel and each position of the kernel: how far its weight is, and its elements in the copy."""
        convolution, planes = self.convolution, self.division.planes
        positions = product(*(range(axis.kernel) for axis in convolution.axes))
        weights = [
            sum(k * stride for k, stride in zip(position, convolution.weight.spatial, strict=True))
            for position in positions
        ]
        met = list(zip(weights, planes.other_offsets, strict=True))
        return [
            number
            for channel in range(self.division.channels)
            for weight, element in met
            for number in (channel * convolution.weight.second + weight, channel * planes.elements + element)
        ]
