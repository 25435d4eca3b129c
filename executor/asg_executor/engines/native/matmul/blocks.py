"""The loops of a matrix product around its tiles, over a block of the result that one thread computes."""

from collections.abc import Callable, Hashable

from llvmlite import ir

from asg_executor.engines.native.matmul.code import CONDITION, INDEX, Code, Index
from asg_executor.engines.native.matmul.epilogue import EpilogueCode
from asg_executor.engines.native.matmul.matrices import Matrices
from asg_executor.engines.native.matmul.microkernel import Fetched, Microkernel, define_microkernel
from asg_executor.engines.native.matmul.packing import Panel, Panels, define_packing, define_packing_of_panels
from asg_executor.engines.native.matmul.tiling import Tiling

__all__ = ["Block", "scratch_elements"]


def scratch_elements(matrices: Matrices, tiling: Tiling) -> int:
    """How many numbers the packed pieces of both matrices have, and the sums of a tile that are not kept in vectors."""
    return _right_elements(tiling) + _left_elements(tiling) + _sums(tiling)


def _right_elements(tiling: Tiling) -> int:
    return tiling.packed_tiles * tiling.columns * _steps(tiling)


def _left_elements(tiling: Tiling) -> int:
    rows = tiling.packed_rows * tiling.rows.size
    return _whole((_whole(rows, tiling.lanes) if tiling.uses_amx else rows) * _steps(tiling), tiling.lanes)


def _steps(tiling: Tiling) -> int:
    """How many packed numbers each sum has at a time, in whole vectors."""
    return _whole(tiling.steps(tiling.depth), tiling.lanes)


def _sums(tiling: Tiling) -> int:
    return tiling.rows.size * tiling.columns if tiling.uses_amx else 0


def _whole(elements: int, lanes: int) -> int:
    return -(-elements // lanes) * lanes


class Block:
    """Emits the code of a block of a result.

    Args:
        code: the function; `MatmulSpec` has its arguments.
        matrices: the products.
        tiling: how they are cut.
        epilogue: what is computed of each element once it has all terms.
    """

    def __init__(self, code: Code, matrices: Matrices, tiling: Tiling, epilogue: EpilogueCode | None) -> None:
        self.code = code
        self.matrices = matrices
        self.tiling = tiling
        self.epilogue = epilogue
        self.left, self.right, self.result, *bounds, scratch = code.function.args[:8]
        self.row_begin, self.row_end, self.column_begin, self.column_end = bounds
        self.packed_right = scratch
        self.packed_left = code.at_number(scratch, _right_elements(tiling))
        self.sums = code.at_number(scratch, _right_elements(tiling) + _left_elements(tiling))
        self.whole_tiles, rest = divmod(matrices.columns, tiling.columns)
        self.widths = [tiling.columns, rest] if rest else [tiling.columns]
        self._defined: dict[Hashable, ir.Function] = {}
        self.panel_elements = tiling.columns * _steps(tiling)

    def emit(self) -> None:
        """Emit all of it."""
        code, tiling = self.code, self.tiling
        tiles = tiling.packed_tiles
        if not tiles:
            self._pieces(self.column_begin, self.column_end)
        else:
            with code.loop(self.column_begin, self.column_end, tiles) as begin:
                self._pieces(begin, self.code.least(code.add(begin, tiles), self.column_end))
        self.end()
        code.builder.ret_void()

    def _pieces(self, begin: Index, end: Index) -> None:
        """All terms of the tiles in some columns."""
        code, depth = self.code, self.matrices.depth
        if self.tiling.depth == depth:
            self._terms(begin, end, 0, depth, CONDITION(1))
            return
        with code.loop(0, depth, self.tiling.depth) as term:
            count = self.code.least(code.builder.sub(INDEX(depth), term), self.tiling.depth)
            self._terms(begin, end, term, count, code.builder.icmp_signed("==", term, INDEX(0)))

    def _terms(self, begin: Index, end: Index, term: Index, count: Index, first: ir.Value) -> None:
        """Some of the terms."""
        code = self.code
        if self.tiling.packed_tiles:
            self._over_columns(begin, end, lambda tile, width: self._pack_right(tile, width, begin, term, count))
        rows = self.tiling.rows
        for size in rows.sizes:
            self.begin_rows(size)
            large = size == rows.size
            row_begin = self.row_begin if large else self.code.most(self.row_begin, rows.large)
            row_end = self.code.least(self.row_end, rows.large) if large else self.row_end
            with code.loop(row_begin, row_end, max(self.tiling.packed_rows, 1)) as tile:
                self._rows_of_tiles(size, (tile, row_end), (begin, end), (term, count), first)

    def _rows_of_tiles(
        self,
        size: int,
        rows: tuple[Index, Index],
        columns: tuple[Index, Index],
        terms: tuple[Index, Index],
        first: ir.Value,
    ) -> None:
        """As many rows of tiles as the left matrix is packed of at a time, or fewer, before an end."""
        code, tiling = self.code, self.tiling
        begin, end = rows
        left = self._left_at(self._first_row(size, begin), terms[0])
        if not tiling.packs_left:
            self._row_of_tiles(size, begin, left, columns, terms, first)
            return
        end = code.least(code.add(begin, tiling.packed_rows), end)
        self.pack_left(size, left, code.subtract(end, begin), terms[1])
        with code.loop(begin, end) as tile:
            place = code.multiply(code.subtract(tile, begin), size * _steps(tiling))
            self._row_of_tiles(size, tile, code.at_number(self.packed_left, place), columns, terms, first)

    def _first_row(self, size: int, tile: Index) -> Index:
        """The first row of a tile of so many rows."""
        rows, row = self.tiling.rows, self.code.multiply(tile, size)
        return row if size == rows.size else self.code.add(row, rows.large)

    def _left_at(self, row: Index, term: Index) -> ir.Value:
        code, left = self.code, self.matrices.left
        return code.at(self.left, code.add(code.multiply(row, left.row), code.multiply(term, left.column)))

    def _row_of_tiles(
        self,
        size: int,
        number: Index,
        left: ir.Value,
        columns: tuple[Index, Index],
        terms: tuple[Index, Index],
        first: ir.Value,
    ) -> None:
        code, matrices, tiling = self.code, self.matrices, self.tiling
        begin, end = columns
        term, count = terms
        row = self._first_row(size, number)
        result_row = code.multiply(row, matrices.columns)

        def tile(number: Index, width: int) -> None:
            right, right_step = self._right_tile(number, width, begin, term)
            column = code.multiply(number, tiling.columns)
            result = code.at(self.result, code.add(result_row, column))
            fetched = self.epilogue.places(row, column) if self.epilogue else []
            steps = count if tiling.terms == 1 else tiling.steps(matrices.depth)
            kernel = self.tile_kernel(size, width, right_step)
            code.builder.call(kernel, [left, right, result, *self.tile_arguments(steps, first), *fetched])
            self._complete(row, size, column, width, code.add(term, count))

        self._over_columns(begin, end, tile)

    @property
    def group(self) -> int:
        """Of how many terms a tile takes whole groups."""
        return 1

    def begin_rows(self, size: int) -> None:
        """Prepare for tiles of so many rows."""

    def end(self) -> None:
        """Undo what `begin_rows` did."""

    def pack_left(self, size: int, left: ir.Value, tiles: Index, count: Index) -> None:
        """Pack so many terms of the rows of some tiles of the left matrix, each of `size` rows."""
        matrix, code = self.matrices.left, self.code
        panel = Panel(size, size, matrix.row, matrix.column, self.tiling.terms)
        arguments = [left, self.packed_left, code.value(count)]
        if self.tiling.packed_rows == 1:
            code.builder.call(self._packing(panel), arguments)
            return
        panels = Panels(panel, size * _steps(self.tiling))
        elements, lanes = code.elements, self.tiling.lanes
        function = self.defined(panels, lambda module: define_packing_of_panels(module, panels, elements, lanes))
        code.builder.call(function, [*arguments, code.value(tiles)])

    def tile_kernel(self, size: int, width: int, right_step: int) -> ir.Function:
        """What computes a tile: a function of its three pointers, of `tile_arguments`, and of what is fetched."""
        matrix, tiling = self.matrices.left, self.tiling
        kernel = Microkernel(
            size,
            width,
            1 if tiling.packs_left else matrix.row,
            size if tiling.packs_left else matrix.column,
            right_step,
            tiling.packs_left,
            bool(tiling.packed_tiles),
            self.matrices.columns,
            tiling.terms,
            self.fetched,
        )
        elements, lanes = self.code.elements, tiling.lanes
        return self.defined(kernel, lambda module: define_microkernel(module, kernel, elements, lanes))

    def tile_arguments(self, steps: Index, first: ir.Value) -> list[ir.Value]:
        """What a tile's function gets: how many packed numbers each sum has, and whether they are the first."""
        return [self.code.value(steps), first]

    @property
    def fetched(self) -> tuple[Fetched, ...]:
        """What is fetched for each tile."""
        return self.epilogue.fetched if self.epilogue else ()

    def _complete(self, row: Index, rows: int, column: Index, width: int, reached: Index) -> None:
        """Do the epilogue of a tile, if it has all terms."""
        if self.epilogue is None:
            return
        builder, depth = self.code.builder, INDEX(self.matrices.depth)
        with builder.if_then(builder.icmp_signed("==", self.code.value(reached), depth)):
            self.epilogue.complete(row, rows, column, width)

    def _right_tile(self, number: Index, width: int, begin: Index, term: Index) -> tuple[ir.Value, int]:
        """Where the first element of a tile of the right matrix lies, and how far it is to the next row."""
        code, right, tiling = self.code, self.matrices.right, self.tiling
        if tiling.packed_tiles:
            return self._panel(number, begin), _whole(width, tiling.lanes)
        column = code.multiply(number, tiling.columns * right.column)
        return code.at(self.right, code.add(column, code.multiply(term, right.row))), right.row

    def _pack_right(self, number: Index, width: int, begin: Index, term: Index, count: Index) -> None:
        code, right, tiling = self.code, self.matrices.right, self.tiling
        panel = Panel(width, _whole(width, tiling.lanes), right.column, right.row, tiling.terms, self.group)
        column = code.multiply(number, tiling.columns * right.column)
        source = code.at(self.right, code.add(column, code.multiply(term, right.row)))
        code.builder.call(self._packing(panel), [source, self._panel(number, begin), code.value(count)])

    def _panel(self, number: Index, begin: Index) -> ir.Value:
        place = self.code.builder.sub(self.code.value(number), self.code.value(begin))
        return self.code.at_number(self.packed_right, self.code.multiply(place, self.panel_elements))

    def _over_columns(self, begin: Index, end: Index, emit: Callable[[Index, int], None]) -> None:
        """A loop over whole tiles, and then the last one, where that is narrower."""
        code, last = self.code, self.whole_tiles
        with code.loop(begin, self.code.least(end, last)) as tile:
            emit(tile, self.tiling.columns)
        if len(self.widths) > 1:
            with code.builder.if_then(code.builder.icmp_signed(">", code.value(end), INDEX(last))):
                emit(last, self.widths[1])

    def defined(self, kernel: Hashable, define: Callable[[ir.Module], ir.Function]) -> ir.Function:
        """The function of a kernel, which is defined once."""
        if kernel not in self._defined:
            self._defined[kernel] = define(self.code.function.module)
        return self._defined[kernel]

    def _packing(self, panel: Panel) -> ir.Function:
        elements, lanes = self.code.elements, self.tiling.lanes
        return self.defined(panel, lambda module: define_packing(module, panel, elements, lanes))
