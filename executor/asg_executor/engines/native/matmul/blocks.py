"""The loops of a matrix product around its tiles, over a block of the result that one thread computes."""

from collections.abc import Callable

from llvmlite import ir

from asg_executor.engines.native.fused.body import Body
from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.epilogue import EpilogueCode
from asg_executor.engines.native.matmul.matrices import Matrices
from asg_executor.engines.native.matmul.microkernel import Microkernel, define_microkernel
from asg_executor.engines.native.matmul.packing import Panel, define_packing
from asg_executor.engines.native.matmul.tiling import Tiling

__all__ = ["define_block", "scratch_elements"]


def scratch_elements(matrices: Matrices, tiling: Tiling) -> int:
    """How many elements the packed pieces of both matrices have."""
    return _right_elements(tiling) + _left_elements(matrices, tiling)


def define_block(
    module: ir.Module, matrices: Matrices, tiling: Tiling, elements: Elements, epilogue: Body | None = None
) -> ir.Function:
    """Define a function that computes a block of the result of one product.

    It is `void (ptr left, ptr right, ptr result, i64 row begin, i64 row end, i64 column begin, i64 column end, ptr
    scratch)`. The pointers are those of the matrices' first elements; the block is given in tiles. With an epilogue
    there follow `i64 first row, ptr array, …`: the number of the product's first row among the rows of all products,
    and the epilogue's arrays.

    Args:
        module: where to define it.
        matrices: the products.
        tiling: how they are cut.
        elements: those of the matrices.
        epilogue: what is computed of each element of the result once it has all terms; see `MatmulSpec`.
    """
    more = [] if epilogue is None else [INDEX] + [POINTER] * epilogue.arguments
    function = define_inner(module, "block", [POINTER] * 3 + [INDEX] * 4 + [POINTER] + more)
    code = Code(function, elements, tiling.lanes)
    then = None if epilogue is None else EpilogueCode(code, epilogue, function.args[8], function.args[9:])
    _Block(code, matrices, tiling, then).emit()
    return function


def _right_elements(tiling: Tiling) -> int:
    return tiling.packed_tiles * tiling.columns * _whole(tiling.steps(tiling.depth), tiling.lanes)


def _left_elements(matrices: Matrices, tiling: Tiling) -> int:
    steps = _whole(tiling.steps(tiling.depth), tiling.lanes)
    return _whole(tiling.rows.size, tiling.lanes) * steps if tiling.packs_left else 0


def _whole(elements: int, lanes: int) -> int:
    return -(-elements // lanes) * lanes


class _Block:
    """Emits the code of a block."""

    def __init__(self, code: Code, matrices: Matrices, tiling: Tiling, epilogue: EpilogueCode | None) -> None:
        self.code = code
        self.matrices = matrices
        self.tiling = tiling
        self.epilogue = epilogue
        self.left, self.right, self.result, *bounds, scratch = code.function.args[:8]
        self.row_begin, self.row_end, self.column_begin, self.column_end = bounds
        self.packed_right = scratch
        self.packed_left = code.at_number(scratch, _right_elements(tiling))
        self.whole_tiles, rest = divmod(matrices.columns, tiling.columns)
        self.widths = [tiling.columns, rest] if rest else [tiling.columns]
        self.defined: dict[Microkernel | Panel, ir.Function] = {}
        self.panel_elements = tiling.columns * _whole(tiling.steps(tiling.depth), tiling.lanes)

    def emit(self) -> None:
        """Emit all of it."""
        code, tiling = self.code, self.tiling
        tiles = tiling.packed_tiles
        if not tiles:
            self._pieces(self.column_begin, self.column_end)
        else:
            with code.loop(self.column_begin, self.column_end, tiles) as begin:
                self._pieces(begin, self.code.least(code.add(begin, tiles), self.column_end))
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
            large = size == rows.size
            row_begin = self.row_begin if large else self.code.most(self.row_begin, rows.large)
            row_end = self.code.least(self.row_end, rows.large) if large else self.row_end
            with code.loop(row_begin, row_end) as tile:
                row = code.multiply(tile, size)
                row = row if large else code.add(row, rows.large)
                self._row_of_tiles(size, row, (begin, end), (term, count), first)

    def _row_of_tiles(
        self, size: int, row: Index, columns: tuple[Index, Index], terms: tuple[Index, Index], first: ir.Value
    ) -> None:
        code, matrices, tiling = self.code, self.matrices, self.tiling
        begin, end = columns
        term, count = terms
        offset = code.add(code.multiply(row, matrices.left.row), code.multiply(term, matrices.left.column))
        left = code.at(self.left, offset)
        left_row, left_step = matrices.left.row, matrices.left.column
        if tiling.packs_left:
            padded = _whole(size, tiling.lanes)
            panel = Panel(size, padded, left_row, left_step, tiling.terms)
            code.builder.call(self._packing(panel), [left, self.packed_left, code.value(count)])
            left, left_row, left_step = self.packed_left, 1, padded
        result_row = code.multiply(row, matrices.columns)

        def tile(number: Index, width: int) -> None:
            right, right_step = self._right_tile(number, width, begin, term)
            kernel = Microkernel(
                size,
                width,
                left_row,
                left_step,
                right_step,
                tiling.packs_left,
                bool(tiling.packed_tiles),
                matrices.columns,
                tiling.terms,
                self.epilogue.fetched if self.epilogue else (),
            )
            steps = count if tiling.terms == 1 else tiling.steps(matrices.depth)
            column = code.multiply(number, tiling.columns)
            result = code.at(self.result, code.add(result_row, column))
            fetched = self.epilogue.places(row, column) if self.epilogue else []
            code.builder.call(self._microkernel(kernel), [left, right, result, code.value(steps), first, *fetched])
            self._complete(row, size, column, width, code.add(term, count))

        self._over_columns(begin, end, tile)

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
        panel = Panel(width, _whole(width, tiling.lanes), right.column, right.row, tiling.terms)
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

    def _microkernel(self, kernel: Microkernel) -> ir.Function:
        if kernel not in self.defined:
            module = self.code.function.module
            self.defined[kernel] = define_microkernel(module, kernel, self.code.elements, self.tiling.lanes)
        return self.defined[kernel]

    def _packing(self, panel: Panel) -> ir.Function:
        if panel not in self.defined:
            module = self.code.function.module
            self.defined[panel] = define_packing(module, panel, self.code.elements, self.tiling.lanes)
        return self.defined[panel]
