"""Tiles of sums of products that stay in registers, whose terms lie where tables say."""

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.tiling import Tiles, choose_tile
from asg_executor.engines.native.window.code import WindowCode

__all__ = ["TermTile", "choose_term_tile", "define_table", "define_term_tile"]

_MOST_ROWS = 9  # each needs an address; more are not kept in registers, which takes a third of the speed


@dataclass(frozen=True)
class TermTile:
    """result[r, c] = Σ_t left[row r + left t] · right[right t + c], for the columns c of whole vectors.

    Attributes:
        rows: how many rows the tile has.
        vectors: how many vectors its rows have.
        result_row: from one row of the result to the next, in elements.
        is_copied: whether the left operand is copied numbers, as the right one and the result are, and not an array.
    """

    rows: int
    vectors: int
    result_row: int
    is_copied: bool


def choose_term_tile(rows: int, vectors: int, registers: int) -> tuple[Tiles, int]:
    """How rows are cut into tiles, and how many vectors a tile has.

    Args:
        rows: how many rows there are.
        vectors: how many vectors each of them has.
        registers: how many vectors the processor holds.
    """
    high, wide = choose_tile(rows, vectors, registers)
    return Tiles.balanced(rows, min(high, _MOST_ROWS)), wide


def define_table(module: ir.Module, numbers: Sequence[int], name: str) -> ir.GlobalVariable:
    """Constants of 64 bits in a module.

    Args:
        module: where to define them.
        numbers: the constants.
        name: what they are called; a number is added where that is taken.
    """
    type = ir.ArrayType(INDEX, len(numbers))
    table = ir.GlobalVariable(module, type, module.get_unique_name(name))
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(type, [INDEX(number) for number in numbers])
    return table


def define_term_tile(module: ir.Module, tile: TermTile, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr left, ptr rows, ptr right, ptr result, ptr terms, i64 count, i1 first)` in a module.

    `rows` has for each row how far it is from `left`, and `terms` for each of the `count` terms how far it is from
    `left` and from `right`. The sums are added to the result, or, where `first`, written there.

    Args:
        module: where to define it.
        tile: the tile.
        elements: of the arrays.
        lanes: how many elements a vector has.
    """
    function = define_inner(module, "terms", [POINTER] * 5 + [INDEX, CONDITION], disjoint=5)
    _emit(WindowCode(function, elements, lanes), tile)
    return function


def _emit(code: WindowCode, tile: TermTile) -> None:
    builder = code.builder
    left, rows, right, result, terms, count, first = code.function.args
    at, load = (code.at_number, code.load_number) if tile.is_copied else (code.at, code.load)
    lines = [at(left, _number(code, rows, INDEX(row))) for row in range(tile.rows)]
    before = builder.block
    body, after = code.function.append_basic_block("terms"), code.function.append_basic_block("then")
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(INDEX)
    sums = [builder.phi(code.vector) for _ in range(tile.rows * tile.vectors)]
    place = builder.shl(index, INDEX(1))
    factor_at = _number(code, terms, place)
    vector_at = code.at_number(right, _number(code, terms, builder.add(place, INDEX(1))))
    vectors = [code.load_run(code.at_number(vector_at, number * code.lanes)) for number in range(tile.vectors)]
    added: list[ir.Value] = []
    for row, line in enumerate(lines):
        factor = code.splat(load(at(line, factor_at)))
        for number, vector in enumerate(vectors):
            added.append(code.fma(factor, vector, sums[row * tile.vectors + number]))
    following = builder.add(index, INDEX(1), flags=("nsw",))
    builder.cbranch(builder.icmp_signed("<", following, count), body, after)
    zero = ir.Constant(code.vector, None)
    for phi, start, new in [(index, INDEX(0), following), *zip(sums, [zero] * len(sums), added, strict=True)]:
        phi.add_incoming(start, before)
        phi.add_incoming(new, body)
    builder.position_at_end(after)
    _write(code, tile, added, result, first)


def _number(code: WindowCode, table: ir.Value, place: ir.Value) -> ir.Value:
    return code.builder.load(code.builder.gep(table, [place], source_etype=INDEX, inbounds=True), typ=INDEX)


def _write(code: WindowCode, tile: TermTile, sums: Sequence[ir.Value], result: ir.Value, first: ir.Value) -> None:
    builder = code.builder
    add, write = code.function.append_basic_block("add"), code.function.append_basic_block("write")
    builder.cbranch(first, write, add)
    for block in (add, write):
        builder.position_at_end(block)
        for number, total in enumerate(sums):
            row, place = divmod(number, tile.vectors)
            pointer = code.at_number(result, row * tile.result_row + place * code.lanes)
            value = builder.fadd(code.load_numbers(pointer), total) if block is add else total
            code.store_numbers(value, pointer)
        builder.ret_void()
