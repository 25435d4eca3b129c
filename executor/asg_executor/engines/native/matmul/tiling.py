"""How a matrix product is cut: into tiles of the result that stay in registers, blocks for the cache, and units."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from asg_executor.engines.native.amx import AMX_HALVES, AMX_ROW_BYTES, AMX_ROWS, AMX_TERMS
from asg_executor.engines.native.compilation import VectorUnit
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.matrices import Matrices, Matrix
from asg_schema.dtype import DType

__all__ = ["Tiles", "Tiling", "choose_tile", "choose_tiling"]

_MOST_VECTORS = 16  # of a tile's row
_LATENCY = 4  # cycles from a multiplication to its result
_FUSED_PER_CYCLE = 2
_REPEATING = 0.12  # cycles for an element of the left matrix, which is in the first level of the cache
_LOADING = 0.3  # for a vector of the right one, which comes from the second level
_READING = 1 / 8  # cycles for an element of the left matrix from memory
_PACKING = 1 / 6  # for one of the right matrix
_COPYING = 2.5  # for a term of a tile's rows in the left matrix
_KIND = 0.02  # what another kind of tile may gain at least, since it is to be compiled
_DEEPEST = 384  # elements: a tile's rows of the left matrix stay in the first level of the cache
_FEW_TILES = 2  # for so many rows of tiles the right matrix is read where it lies
_PACKED_BYTES = 512 * 1024  # of the right matrix, in the second level
_PACKED_LEFT_BYTES = 128 * 1024
_AMX_PACKED_BYTES = 1024 * 1024  # processors with AMX have two megabytes of it
_AMX_PACKED_LEFT_BYTES = 256 * 1024
_AMX_CYCLES = 64  # for the four products of a tile by AMX, each of `AMX_TERMS` terms


@dataclass(frozen=True)
class Tiles:
    """An axis cut into tiles, of which the first `large` have `size` elements and the others one less.

    Attributes:
        size: how many elements the large tiles have.
        large: how many of them there are.
        count: how many tiles there are.
    """

    size: int
    large: int
    count: int

    @classmethod
    def balanced(cls, extent: int, most: int) -> "Tiles":
        """As few tiles of at most `most` elements as there can be, as equal as possible."""
        count = -(-extent // most)
        size = -(-extent // count)
        return cls(size, extent - count * (size - 1), count)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The different sizes."""
        return (self.size,) if self.large == self.count else (self.size, self.size - 1)


@dataclass(frozen=True)
class Tiling:
    """How one product is cut.

    Attributes:
        lanes: the elements of a vector.
        rows: the tiles' rows.
        vectors: how many vectors a tile has in a row; the last tile may have fewer.
        depth: how many terms are added before the result is written, and read again for the next ones.
        row_blocks: into how many units the rows are divided.
        column_blocks: into how many the columns are.
        packed_tiles: how many tiles of the right matrix are packed at a time; 0: it is read where it lies.
        packed_rows: of how many rows of tiles the left matrix is packed at a time; 0: it is read where it lies.
        terms: how many neighbouring terms a packed number holds: 2 where the processor multiplies pairs.
        uses_amx: whether the tiles are multiplied by AMX, and not by vectors.
    """

    lanes: int
    rows: Tiles
    vectors: int
    depth: int
    row_blocks: int
    column_blocks: int
    packed_tiles: int
    packed_rows: int
    terms: int = 1
    uses_amx: bool = False

    @property
    def columns(self) -> int:
        """How many columns a tile has."""
        return self.vectors * self.lanes

    @property
    def packs_left(self) -> bool:
        """Whether the left matrix is packed."""
        return self.packed_rows > 0

    def steps(self, terms: int) -> int:
        """How many packed numbers hold so many terms."""
        return -(-terms // self.terms)


def choose_tiling(matrices: Matrices, parts: int, unit: VectorUnit, elements: Elements) -> Tiling:
    """The tiling of matrix products.

    Args:
        matrices: the products.
        parts: into how many parts all of them are divided.
        unit: the processor's vectors.
        elements: those of the matrices.
    """
    if unit.multiplies_tiles and elements.dtype is DType.BFLOAT16:
        return _amx_tiling(matrices, parts)
    lanes = unit.bytes // elements.wide.bytes
    rows, columns, depth = matrices.rows, matrices.columns, matrices.depth
    vectors_across = -(-columns // lanes)
    copying = _COPYING if elements.is_half or matrices.left.column != 1 else 0.0
    tile_rows, vectors = choose_tile(rows, vectors_across, unit.registers, copying)
    tiles = Tiles.balanced(rows, tile_rows)
    terms = 2 if unit.multiplies_pairs and elements.dtype is DType.BFLOAT16 else 1
    column_tiles = -(-vectors_across // vectors)
    cycles = _cycles(rows, vectors_across, tiles.size, vectors) * depth / terms
    blocks = _divide(tiles.count, column_tiles, rows * depth, columns * depth, cycles, matrices.batches, parts)
    row_blocks, column_blocks = min(blocks[0], tiles.count), min(blocks[1], column_tiles)
    wanted = -(-column_tiles // column_blocks)
    is_read_once = -(-tiles.count // row_blocks) <= _FEW_TILES
    is_packed = elements.is_half or matrices.right.column != 1 or not is_read_once
    # The sums of half precision are rounded when they are complete, and what is not packed need not stay in the cache.
    deep = depth if elements.is_half or not is_packed else _piece(depth, lanes)
    most = max(_PACKED_BYTES * terms // (deep * vectors * unit.bytes), 1)
    packed_tiles = -(-wanted // -(-wanted // most)) if is_packed else 0
    packed_rows = 0
    if elements.is_half or (matrices.left.column != 1 and wanted > 1):
        tile_bytes = tiles.size * elements.wide.bytes * -(-deep // terms)
        tiles_at_a_time = _PACKED_LEFT_BYTES // tile_bytes
        packed_rows = _packed_rows(matrices.left, tiles_at_a_time, -(-tiles.count // row_blocks))
    return Tiling(lanes, tiles, vectors, deep, row_blocks, column_blocks, packed_tiles, packed_rows, terms)


def _amx_tiling(matrices: Matrices, parts: int) -> Tiling:
    """The tiling of products of bfloat16 by AMX: the sums of a tile are four of its registers, or fewer."""
    rows, columns, depth = matrices.rows, matrices.columns, matrices.depth
    vectors = min(-(-columns // AMX_ROWS), AMX_HALVES)
    tiles = Tiles.balanced(rows, AMX_HALVES * AMX_ROWS)
    column_tiles = -(-columns // (vectors * AMX_ROWS))
    groups = -(-depth // AMX_TERMS)
    # Rows that have all terms of their last group are read where they lie.
    packs_left = matrices.left.column != 1 or depth % AMX_TERMS != 0
    left = rows * depth * (_PACKING / _READING if packs_left else 1)
    cycles = tiles.count * column_tiles * groups * _AMX_CYCLES
    blocks = _divide(tiles.count, column_tiles, left, columns * depth, cycles, matrices.batches, parts)
    row_blocks, column_blocks = min(blocks[0], tiles.count), min(blocks[1], column_tiles)
    wanted = -(-column_tiles // column_blocks)
    most = max(_AMX_PACKED_BYTES // (2 * groups * AMX_TERMS * vectors * AMX_ROWS), 1)
    packed_tiles = -(-wanted // -(-wanted // most))
    packed_rows = 0
    if packs_left:
        tiles_at_a_time = _AMX_PACKED_LEFT_BYTES // (tiles.size * groups * AMX_ROW_BYTES)
        packed_rows = _packed_rows(matrices.left, tiles_at_a_time, -(-tiles.count // row_blocks))
    return Tiling(
        AMX_ROWS, tiles, vectors, depth, row_blocks, column_blocks, packed_tiles, packed_rows, 2, uses_amx=True
    )


def _packed_rows(left: Matrix, most: int, tiles: int) -> int:
    """Of how many rows of tiles the left matrix is packed at a time.

    Where a row is a column in memory, neighbours of many rows are read together: of one tile they would be less than a
    line of the cache, and each line would be fetched again for the next tile.

    Args:
        left: how the matrix lies.
        most: of how many tiles the cache holds them.
        tiles: how many tiles a block has in a column.
    """
    return min(max(most, 1), tiles) if left.row == 1 else 1


def _piece(depth: int, lanes: int) -> int:
    """How many terms are added at a time: equal pieces, in whole vectors."""
    pieces = -(-depth // _DEEPEST)
    return depth if pieces == 1 else -(-depth // (pieces * lanes)) * lanes


def choose_tile(rows: int, vectors: int, registers: int, copying: float = 0.0) -> tuple[int, int]:
    """Rows and vectors of the tile by which the whole result takes the fewest cycles for each of its terms, about.

    Args:
        rows: the result's rows.
        vectors: its columns, in vectors.
        registers: how many vectors the processor holds.
        copying: how many cycles it takes to copy a term of a tile's rows before.
    """

    def cycles(tile: tuple[int, int]) -> float:
        return _cycles(rows, vectors, *tile) + Tiles.balanced(rows, tile[0]).count * copying

    return min(_tiles(rows, vectors, registers), key=cycles)


def _tiles(rows: int, vectors: int, registers: int) -> Iterator[tuple[int, int]]:
    for wide in range(1, min(vectors, _MOST_VECTORS) + 1):
        # The sums, a row of the right matrix, and an element of the left one; one row of sums reads the right matrix
        # from memory.
        high = (registers - 1 - wide) // wide or int(wide < registers - 1)
        if high >= 1:
            yield Tiles.balanced(rows, high).size, wide


def _cycles(rows: int, vectors: int, high: int, wide: int) -> float:
    tiles = Tiles.balanced(rows, high)
    heights = {tiles.size: tiles.large, tiles.size - 1: tiles.count - tiles.large}
    widths = {wide: vectors // wide, vectors % wide: 1}
    kinds = [(h, w, heights[h] * widths[w]) for h in heights for w in widths if h * w * heights[h] * widths[w]]
    cycles = sum(
        number * (max(h * w / _FUSED_PER_CYCLE, _LATENCY) + h * _REPEATING + w * _LOADING) for h, w, number in kinds
    )
    return cycles * (1 + _KIND * len(kinds))


def _divide(
    row_tiles: int, column_tiles: int, left: float, right: int, cycles: float, batches: int, parts: int
) -> tuple[int, int]:
    """Into how many blocks rows and columns are divided, so that the parts take the least time.

    Args:
        row_tiles: the tiles in a column of the result.
        column_tiles: those in a row.
        left: the elements of the left matrix, which are read for each block of columns.
        right: those of the right one, which are packed for each block of rows.
        cycles: how long the whole product takes on one thread, about.
        batches: how many products there are.
        parts: into how many parts all of them are divided.
    """
    blocks = parts // gcd(batches, parts)
    if batches >= 8 * parts:
        return 1, 1

    def time(by: tuple[int, int]) -> float:
        share = -(-row_tiles // by[0]) * -(-column_tiles // by[1]) / (row_tiles * column_tiles)
        return cycles * share + left / by[0] * _READING + right / by[1] * _PACKING

    return min(((by, blocks // by) for by in range(1, blocks + 1) if blocks % by == 0), key=time)
