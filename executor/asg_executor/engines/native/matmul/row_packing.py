"""Copies of rows of a left matrix of bfloat16, in which the terms of a row are neighbours: as AMX reads them.

A row has whole groups of `AMX_TERMS` terms; those that the matrix does not have are 0.
"""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.amx import AMX_ROWS, AMX_TERMS
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.packing import transposed

__all__ = ["Rows", "define_row_packing"]


@dataclass(frozen=True)
class Rows:
    """Rows and where their elements come from. Strides count elements.

    Attributes:
        rows: how many they are.
        depth: how many terms each has.
        across: between two rows in the matrix.
        along: between two terms in the matrix.
    """

    rows: int
    depth: int
    across: int
    along: int

    @property
    def numbers(self) -> int:
        """How many packed numbers, which hold two terms each, a row has in the copy."""
        return -(-self.depth // AMX_TERMS) * AMX_ROWS


def define_row_packing(module: ir.Module, rows: Rows, elements: Elements) -> ir.Function:
    """Define `void (ptr matrix, ptr copy)` in a module."""
    function = define_inner(module, "pack_rows", [POINTER] * 2, disjoint=2)
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
    matrix, copy = code.function.args
    with code.loop(0, rows.rows) as row:
        source = code.at(matrix, code.multiply(row, rows.across))
        target = code.at_number(copy, code.multiply(row, rows.numbers))
        with code.loop(0, rows.depth, AMX_TERMS) as term:
            pairs = code.load_pairs(code.at(source, term), code.value(code.subtract(rows.depth, term)))
            code.store_numbers(pairs, code.at_number(target, code.split(term, 2)[0]))


def _transpose(code: Code, rows: Rows) -> None:
    """Of as many rows as a vector has elements, groups of terms are transposed in registers."""
    whole = rows.depth // AMX_TERMS * AMX_TERMS
    for begin in range(0, rows.rows, AMX_ROWS):
        if whole:
            with code.loop(0, whole, AMX_TERMS) as term:
                _transpose_group(code, rows, begin, term, AMX_TERMS)
        if whole < rows.depth:
            _transpose_group(code, rows, begin, whole, rows.depth - whole)


def _transpose_group(code: Code, rows: Rows, begin: int, term: Index, terms: int) -> None:
    """Transpose a group of which so many terms are there, for the rows from `begin` on."""
    matrix, copy = code.function.args
    count = min(rows.rows - begin, AMX_ROWS)
    mask = code.first_lanes(count)
    source = code.at(matrix, code.add(code.multiply(term, rows.along), begin))
    target = code.at_number(copy, code.add(code.split(term, 2)[0], begin * rows.numbers))
    zero = ir.Constant(code.vector, None)

    def column(number: int) -> ir.Value:
        return code.load_vector(code.at(source, number * rows.along), mask) if number < terms else zero

    pairs = [code.pair(column(number), column(number + 1), AMX_ROWS) for number in range(0, AMX_TERMS, 2)]
    for row, vector in enumerate(transposed(code, pairs)[:count]):
        code.store_numbers(vector, code.at_number(target, row * rows.numbers))


def _gather(code: Code, rows: Rows) -> None:
    matrix, copy = code.function.args
    zero = code.elements.wide.type(0.0)
    with code.loop(0, rows.rows) as row:
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
