"""Copies of rows of a left matrix of bfloat16, in which the terms of a row are neighbours: as AMX reads them.

A row has whole groups of `AMX_TERMS` terms; those that the matrix does not have are 0.
"""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.amx import AMX_ROWS, AMX_TERMS
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.packing import transposed

__all__ = ["Rows", "define_row_packing"]


@dataclass(frozen=True)
class Rows:
    """Rows and where their elements come from. Strides count elements.

    Attributes:
        depth: how many terms each has.
        across: between two rows in the matrix.
        along: between two terms in the matrix.
    """

    depth: int
    across: int
    along: int

    @property
    def numbers(self) -> int:
        """How many packed numbers, which hold two terms each, a row has in the copy."""
        return -(-self.depth // AMX_TERMS) * AMX_ROWS


def define_row_packing(module: ir.Module, rows: Rows, elements: Elements) -> ir.Function:
    """Define `void (ptr matrix, ptr copy, i64 rows)` in a module.

    The copy has room for whole vectors of rows.
    """
    function = define_inner(module, "pack_rows", [POINTER, POINTER, INDEX], disjoint=2)
    code = Code(function, elements, AMX_ROWS)
    if rows.along == 1:
        _copy(code, rows)
    elif rows.across == 1:
        _transpose(code, rows)
    else:
        _gather(code, rows)
    code.builder.ret_void()
    return function


def _copy(code: Code, rows: Rows) -> None:
    matrix, copy, count = code.function.args
    with code.loop(0, count) as row:
        source = code.at(matrix, code.multiply(row, rows.across))
        target = code.at_number(copy, code.multiply(row, rows.numbers))
        with code.loop(0, rows.depth, AMX_TERMS) as term:
            pairs = code.load_pairs(code.at(source, term), code.value(code.subtract(rows.depth, term)))
            code.store_numbers(pairs, code.at_number(target, code.split(term, 2)[0]))


def _transpose(code: Code, rows: Rows) -> None:
    """Of as many rows as a vector has elements, groups of terms are transposed in registers.

    All rows have a group before the next one begins: neighbours in memory are read together.
    """
    whole = rows.depth // AMX_TERMS * AMX_TERMS
    with code.loop(0, whole, AMX_TERMS) as term:
        _transpose_group(code, rows, term, AMX_TERMS)
    if whole < rows.depth:
        _transpose_group(code, rows, whole, rows.depth - whole)


def _transpose_group(code: Code, rows: Rows, term: Index, terms: int) -> None:
    """Transpose a group of which so many terms are there."""
    matrix, copy, count = code.function.args
    source = code.at(matrix, code.multiply(term, rows.along))
    target = code.at_number(copy, code.split(term, 2)[0])
    zero = ir.Constant(code.vector, None)
    with code.loop(0, count, AMX_ROWS) as begin:
        mask = code.first_lanes(code.subtract(count, begin))
        at, place = code.at(source, begin), code.at_number(target, code.multiply(begin, rows.numbers))

        def column(number: int, at: ir.Value = at, mask: "ir.Value | None" = mask) -> ir.Value:
            return code.load_vector(code.at(at, number * rows.along), mask) if number < terms else zero

        pairs = [code.pair(column(number), column(number + 1), AMX_ROWS) for number in range(0, AMX_TERMS, 2)]
        for row, vector in enumerate(transposed(code, pairs)):
            code.store_numbers(vector, code.at_number(place, row * rows.numbers))


def _gather(code: Code, rows: Rows) -> None:
    matrix, copy, count = code.function.args
    zero = code.elements.wide.type(0.0)
    with code.loop(0, count) as row:
        source = code.at(matrix, code.multiply(row, rows.across))
        target = code.at_number(copy, code.multiply(row, rows.numbers))
        with code.loop(0, rows.numbers) as number:
            first = code.multiply(number, 2)

            def element(term: Index) -> ir.Value:
                there = code.is_less(term, rows.depth)
                at = code.at(source, code.multiply(term, rows.along))
                return code.builder.select(there, code.load(code.builder.select(there, at, source)), zero)

            pair = code.pair(element(first), element(code.add(first, 1)))
            code.builder.store(pair, code.at_number(target, number))
