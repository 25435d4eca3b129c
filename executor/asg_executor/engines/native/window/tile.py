"""Tiles of sums of products that stay in registers, whose terms lie where tables say."""

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Code

__all__ = ["TermTile", "define_table", "define_term_tile"]


@dataclass(frozen=True)
class TermTile:
    """result[r, c] = Σ_t left[row r + left t] · right[right t + c], for the columns c of whole vectors.

    Attributes:
        rows: how many rows the tile has.
        vectors: how many vectors its rows have.
        result_row: from one row of the result to the next, in elements.
        aligned: whether the vectors of the right operand lie at multiples of their size.
    """

    rows: int
    vectors: int
    result_row: int
    aligned: bool


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


def define_term_tile(module: ir.Module, tile: TermTile, element: ir.Type, lanes: int) -> ir.Function:
    """Define `void (ptr left, ptr rows, ptr right, ptr result, ptr terms, i64 count, i1 first)` in a module.

    `rows` has for each row how far it is from `left`, and `terms` for each of the `count` terms how far it is from
    `left` and from `right`. The sums are added to the result, or, where `first`, written there.

    Args:
        module: where to define it.
        tile: the tile.
        element: the type of the elements.
        lanes: how many elements a vector has.
    """
    type = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [INDEX, CONDITION])
    function = ir.Function(module, type, module.get_unique_name("terms"))
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    for pointer in function.args[:5]:
        pointer.add_attribute("noalias")
    _emit(Code(function, element, lanes), tile)
    return function


def _emit(code: Code, tile: TermTile) -> None:
    builder = code.builder
    left, rows, right, result, terms, count, first = code.function.args
    lines = [code.at(left, _number(code, rows, INDEX(row))) for row in range(tile.rows)]
    before = builder.block
    body, after = code.function.append_basic_block("terms"), code.function.append_basic_block("then")
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(INDEX)
    sums = [builder.phi(code.vector) for _ in range(tile.rows * tile.vectors)]
    place = builder.shl(index, INDEX(1))
    factor_at = _number(code, terms, place)
    vector_at = code.at(right, _number(code, terms, builder.add(place, INDEX(1))))
    vectors = [
        code.load_vector(code.at(vector_at, number * code.lanes), aligned=tile.aligned)
        for number in range(tile.vectors)
    ]
    added: list[ir.Value] = []
    for row, line in enumerate(lines):
        factor = code.splat(code.load(code.at(line, factor_at)))
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


def _number(code: Code, table: ir.Value, place: ir.Value) -> ir.Value:
    return code.builder.load(code.builder.gep(table, [place], source_etype=INDEX, inbounds=True), typ=INDEX)


def _write(code: Code, tile: TermTile, sums: Sequence[ir.Value], result: ir.Value, first: ir.Value) -> None:
    builder = code.builder
    add, write = code.function.append_basic_block("add"), code.function.append_basic_block("write")
    builder.cbranch(first, write, add)
    for block in (add, write):
        builder.position_at_end(block)
        for number, total in enumerate(sums):
            row, place = divmod(number, tile.vectors)
            pointer = code.at(result, row * tile.result_row + place * code.lanes)
            value = builder.fadd(code.load_vector(pointer, aligned=True), total) if block is add else total
            code.store_vector(value, pointer, aligned=True)
        builder.ret_void()
