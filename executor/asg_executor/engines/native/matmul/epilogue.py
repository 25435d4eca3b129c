"""`EpilogueCode`: what a block of a matrix product does with the elements of a tile that has all its terms.

The tile is then in the first level of the cache. What else the epilogue reads and writes there is fetched while the
tile is computed, a row at a term: its memory would else be waited for after each tile.
"""

from collections.abc import Sequence
from typing import TypeAlias

from llvmlite import ir

from asg_executor.engines.native.fused.body import Body, Load, Store
from asg_executor.engines.native.fused.loops import define_panel
from asg_executor.engines.native.matmul.code import Code, Index
from asg_executor.engines.native.matmul.microkernel import Fetched

__all__ = ["EpilogueCode"]

_Access: TypeAlias = Load | Store


class EpilogueCode:
    """Emits an epilogue into the function of a block.

    Args:
        code: the block's function.
        body: what is computed; its units are the rows of all results.
        first_row: the number of the first row of the block's product among them.
        arrays: the epilogue's arrays.

    Attributes:
        fetched: what is fetched for each tile.
    """

    def __init__(self, code: Code, body: Body, first_row: ir.Value, arrays: Sequence[ir.Value]) -> None:
        self._code = code
        self._body = body
        self._first_row = first_row
        self._arrays = arrays
        self._panels: dict[int, ir.Function] = {}
        self._accesses = _lying_in_rows(body)
        self.fetched = tuple(
            Fetched(access.unit_strides[0] * access.dtype.itemsize, access.dtype.itemsize, isinstance(access, Store))
            for access in self._accesses
        )

    def places(self, row: Index, column: Index) -> list[ir.Value]:
        """Where the elements of a tile begin in what is fetched.

        Args:
            row: the tile's first row in its product.
            column: the tile's first column.
        """
        code = self._code
        number = code.add(self._first_row, row)
        found: list[ir.Value] = []
        for access in self._accesses:
            offset = code.value(code.add(code.multiply(number, access.unit_strides[0]), column))
            element = ir.IntType(8 * access.dtype.itemsize)
            found.append(code.builder.gep(self._arrays[access.argument], [offset], source_etype=element))
        return found

    def complete(self, row: Index, rows: int, column: Index, width: int) -> None:
        """Compute the epilogue for a tile.

        Args:
            row: the tile's first row in its product.
            rows: how many it has.
            column: its first column.
            width: how many columns it has.
        """
        code = self._code
        if width not in self._panels:
            self._panels[width] = define_panel(self._body, code.function.module, width)
        begin = code.add(self._first_row, row)
        bounds = [code.value(bound) for bound in (begin, code.add(begin, rows), column)]
        code.builder.call(self._panels[width], [*self._arrays, *bounds])


def _lying_in_rows(body: Body) -> list[_Access]:
    """One access to each array that has as many elements as the results, in the same order, those written first."""
    loads = [value for value in body.values if isinstance(value, Load)]
    found: dict[int, _Access] = {}
    for access in (*body.stores, *loads):
        is_matrix = access.row_strides == (1,) and len(access.unit_strides) == 1 and access.unit_strides[0]
        if is_matrix and access.argument not in found:
            found[access.argument] = access
    return list(found.values())
