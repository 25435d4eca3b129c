"""The inner loop of a matrix product: one tile of the result, which stays in registers."""

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements

__all__ = ["Fetched", "Microkernel", "define_microkernel", "fetch_row"]

_LINE_BYTES = 64  # of the cache


@dataclass(frozen=True)
class Fetched:
    """An array whose elements at a tile's places are needed once the tile is there.

    Attributes:
        row: how many bytes lie between neighbours in a column.
        bytes: how many an element has; those of a row are neighbours.
        writes: whether they are written.
    """

    row: int
    bytes: int
    writes: bool


@dataclass(frozen=True)
class Microkernel:
    """A tile and how its operands lie. Strides count elements.

    Attributes:
        rows: how many rows the tile has.
        columns: how many columns.
        left_row: from one row of the left matrix to the next.
        left_step: from one column of the left matrix to the next.
        right_step: from one row of the right matrix to the next; its columns are neighbours.
        left_is_packed: whether the left matrix consists of packed numbers.
        right_is_packed: whether the right one does, which then has whole vectors at multiples of a vector's size.
        result_row: from one row of the result to the next.
        terms: how many terms each packed number of both matrices holds.
        fetched: what is brought into the cache meanwhile.
    """

    rows: int
    columns: int
    left_row: int
    left_step: int
    right_step: int
    left_is_packed: bool
    right_is_packed: bool
    result_row: int
    terms: int = 1
    fetched: tuple[Fetched, ...] = ()


def define_microkernel(module: ir.Module, kernel: Microkernel, elements: Elements, lanes: int) -> ir.Function:
    """Define `void (ptr left, ptr right, ptr result, i64 depth, i1 first, ptr fetched, …)` in a module.

    The pointers are those of the first elements; `depth` counts the packed numbers where both matrices are packed. The
    function adds the product to the result, or, where `first`, writes the product there.
    """
    fetched = [POINTER] * len(kernel.fetched)
    function = define_inner(module, "tile", [POINTER, POINTER, POINTER, INDEX, CONDITION, *fetched], disjoint=3)
    _Tile(Code(function, elements, lanes), kernel).emit()
    return function


def fetch_row(code: Code, pointers: Sequence[ir.Value], arrays: Sequence[Fetched], row: Index, columns: int) -> None:
    """Fetch one row of a tile.

    Args:
        code: the function that gets the instructions.
        pointers: where the tile begins in each array.
        arrays: how these lie.
        row: which one.
        columns: how many the tile has.
    """
    for pointer, array in zip(pointers, arrays, strict=True):
        begin = code.multiply(row, array.row)
        for line in range(0, columns * array.bytes, _LINE_BYTES):
            place = code.builder.gep(pointer, [code.value(code.add(begin, line))], source_etype=ir.IntType(8))
            code.fetch(place, writes=array.writes)


class _Tile:
    """Emits the code of a microkernel."""

    def __init__(self, code: Code, kernel: Microkernel) -> None:
        self.code = code
        self.kernel = kernel
        self.left, self.right, self.result, self.depth, self.first, *self.fetched = code.function.args
        self.vectors = -(-kernel.columns // code.lanes)

    def emit(self) -> None:
        """Emit all of it."""
        code, builder = self.code, self.code.builder
        zero = ir.Constant(code.vector, None)
        sums: list[ir.Value] = [zero] * (self.kernel.rows * self.vectors)
        sums = self._terms(sums)
        add, write = code.function.append_basic_block("add"), code.function.append_basic_block("write")
        builder.cbranch(self.first, write, add)
        for block, adds in ((add, True), (write, False)):
            builder.position_at_end(block)
            self._write(sums, adds=adds)
            builder.ret_void()

    def _terms(self, sums: list[ir.Value]) -> list[ir.Value]:
        """The sums with all terms; there is at least one."""
        code, builder = self.code, self.code.builder
        before = builder.block
        body, after = code.function.append_basic_block("terms"), code.function.append_basic_block("then")
        builder.branch(body)
        builder.position_at_end(body)
        index = builder.phi(INDEX)
        running = [builder.phi(code.vector) for _ in sums]
        left = self._left_at(self.left, code.multiply(index, self.kernel.left_step))
        right = self._right_at(self.right, code.multiply(index, self.kernel.right_step))
        self._fetch(index)
        added = self._term(left, right, list(running))
        following = builder.add(index, INDEX(1), flags=("nsw",))
        builder.cbranch(builder.icmp_signed("<", following, self.depth), body, after)
        index.add_incoming(INDEX(0), before)
        index.add_incoming(following, body)
        for start, phi, new in zip(sums, running, added, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(new, body)
        builder.position_at_end(after)
        return added

    def _fetch(self, term: ir.Value) -> None:
        """Fetch one row of what is needed afterwards; from as many terms on as there are rows, the last one again."""
        if self.fetched:
            row = self.code.least(term, self.kernel.rows - 1)
            fetch_row(self.code, self.fetched, self.kernel.fetched, row, self.kernel.columns)

    def _term(self, left: ir.Value, right: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        """The sums with the product of one column of the left matrix and one row of the right one."""
        code = self.code
        multiplied = code.dot if self.kernel.terms == 2 else code.fma
        row = [self._right_vector(right, number) for number in range(self.vectors)]
        load = code.load_number if self.kernel.left_is_packed else code.load
        added: list[ir.Value] = []
        for number in range(self.kernel.rows):
            factor = code.splat(load(self._left_at(left, number * self.kernel.left_row)))
            for place, vector in enumerate(row):
                added.append(multiplied(factor, vector, sums[number * self.vectors + place]))
        return added

    def _left_at(self, pointer: ir.Value, offset: Index) -> ir.Value:
        return (self.code.at_number if self.kernel.left_is_packed else self.code.at)(pointer, offset)

    def _right_at(self, pointer: ir.Value, offset: Index) -> ir.Value:
        return (self.code.at_number if self.kernel.right_is_packed else self.code.at)(pointer, offset)

    def _right_vector(self, right: ir.Value, number: int) -> ir.Value:
        pointer = self._right_at(right, number * self.code.lanes)
        if self.kernel.right_is_packed:
            return self.code.load_numbers(pointer)
        return self.code.load_vector(pointer, self._mask(number))

    def _write(self, sums: list[ir.Value], *, adds: bool) -> None:
        code = self.code
        for number, total in enumerate(sums):
            row, place = divmod(number, self.vectors)
            pointer = code.at(self.result, row * self.kernel.result_row + place * code.lanes)
            mask = self._mask(place)
            written = code.builder.fadd(code.load_vector(pointer, mask), total) if adds else total
            code.store_vector(written, pointer, mask)

    def _mask(self, number: int) -> ir.Value | None:
        """Which elements of the vector with this number belong to the tile."""
        return self.code.first_lanes(self.kernel.columns - number * self.code.lanes)
