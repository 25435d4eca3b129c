"""The inner loop of a matrix product of bfloat16 by AMX: one tile of the result, in up to four of its registers."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.amx import (
    AMX_HALVES,
    AMX_ROW_BYTES,
    AMX_ROWS,
    LEFT,
    RIGHT,
    SUMS,
    configuration,
)
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.microkernel import Fetched, fetch_row

__all__ = ["AmxTile", "configure", "define_amx_tile", "release"]

_REGISTER = ir.IntType(8)
_BYTE = ir.IntType(8)


@dataclass(frozen=True)
class AmxTile:
    """A tile and how its operands lie.

    Attributes:
        rows: how many rows the tile has; the registers are configured for them.
        columns: how many columns.
        groups: how many times `AMX_TERMS` terms there are.
        left_row: from one row of the left matrix to the next, in bytes; its terms are neighbours.
        right_row: from one pair of rows of the packed right matrix to the next, in bytes.
        result_row: from one row of the result to the next, in elements.
        fetched: what is brought into the cache before.
    """

    rows: int
    columns: int
    groups: int
    left_row: int
    right_row: int
    result_row: int
    fetched: tuple[Fetched, ...] = ()

    @property
    def vectors(self) -> int:
        """How many vectors of float32 a row of sums has."""
        return -(-self.columns // AMX_ROWS)

    @property
    def row_halves(self) -> range:
        """The halves into which its rows are divided."""
        return range(-(-self.rows // AMX_ROWS))


def configure(code: Code, rows: int) -> None:
    """Configure the registers for tiles of so many rows, until `release`. That takes some hundred cycles."""
    content = configuration(rows)
    type = ir.ArrayType(_BYTE, len(content))
    constant = ir.GlobalVariable(code.builder.module, type, code.builder.module.get_unique_name("registers"))
    constant.linkage, constant.global_constant, constant.align = "internal", True, AMX_ROW_BYTES
    constant.initializer = ir.Constant(type, bytearray(content))
    code.call("llvm.x86.ldtilecfg", [constant])


def release(code: Code) -> None:
    """Leave the registers unused, so that nobody has to save them when threads change places."""
    code.call("llvm.x86.tilerelease", [])


def define_amx_tile(module: ir.Module, tile: AmxTile, elements: Elements) -> ir.Function:
    """Define `void (ptr left, ptr right, ptr result, ptr sums, ptr fetched, …)` in a module.

    The pointers are those of the first elements; `sums` is memory for the sums before they are rounded, `AMX_ROWS`
    float32 for each vector of a row. The function writes the product to the result.
    """
    function = define_inner(module, "tile", [POINTER] * (4 + len(tile.fetched)), disjoint=4)
    _Tile(Code(function, elements, AMX_ROWS), tile).emit()
    return function


class _Tile:
    """Emits the code of a tile."""

    def __init__(self, code: Code, tile: AmxTile) -> None:
        self.code = code
        self.tile = tile
        self.left, self.right, self.result, self.sums, *self.fetched = code.function.args
        halves = range(min(tile.vectors, AMX_HALVES))
        self.registers = [(SUMS[row][column], row, column) for row in tile.row_halves for column in halves]

    def emit(self) -> None:
        """Emit all of it."""
        code, tile = self.code, self.tile
        for row in range(tile.rows if self.fetched else 0):
            fetch_row(code, self.fetched, tile.fetched, row, tile.columns)
        for register, *_ in self.registers:
            code.call("llvm.x86.tilezero", [_REGISTER(register)])
        with code.loop(0, tile.groups) as group:
            self._add_group(group)
        row_bytes = tile.vectors * AMX_ROW_BYTES
        for register, row, column in self.registers:
            at = self._bytes_on(self.sums, row * AMX_ROWS * row_bytes + column * AMX_ROW_BYTES)
            code.call("llvm.x86.tilestored64", [_REGISTER(register), at, INDEX(row_bytes)])
        with code.loop(0, tile.rows) as row:
            self._write(row)
        code.builder.ret_void()

    def _add_group(self, group: ir.Value) -> None:
        """Add the products of `AMX_TERMS` terms."""
        code, tile = self.code, self.tile
        left = self._bytes_on(self.left, code.multiply(group, AMX_ROW_BYTES))
        right = self._bytes_on(self.right, code.multiply(group, AMX_ROWS * tile.right_row))
        for half in tile.row_halves:
            self._load(LEFT[half], self._bytes_on(left, half * AMX_ROWS * tile.left_row), tile.left_row)
        for half in range(tile.vectors):
            self._load(RIGHT[half], self._bytes_on(right, half * AMX_ROW_BYTES), tile.right_row)
        for register, row, column in self.registers:
            operands = [_REGISTER(number) for number in (register, LEFT[row], RIGHT[column])]
            code.call("llvm.x86.tdpbf16ps", operands)

    def _load(self, register: int, pointer: ir.Value, row: int) -> None:
        self.code.call("llvm.x86.tileloadd64", [_REGISTER(register), pointer, INDEX(row)])

    def _write(self, row: ir.Value) -> None:
        """Round a row of sums and write it."""
        code, tile = self.code, self.tile
        sums = code.at_number(self.sums, code.multiply(row, tile.vectors * AMX_ROWS))
        result = code.at(self.result, code.multiply(row, tile.result_row))
        for begin in range(0, tile.columns, AMX_ROWS):
            vector = code.load_numbers(code.at_number(sums, begin))
            code.store_vector(vector, code.at(result, begin), code.first_lanes(tile.columns - begin))

    def _bytes_on(self, pointer: ir.Value, offset: "ir.Value | int") -> ir.Value:
        return self.code.builder.gep(pointer, [self.code.value(offset)], source_etype=_BYTE)
