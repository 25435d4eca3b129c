"""`DotSpec`: products with few rows or few columns, of matrices whose terms are neighbours in memory.

A vector then holds neighbouring terms of one sum, and not neighbouring sums: nothing is packed or repeated, and the
large matrix is read once, as it lies.
"""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.compilation import VectorUnit
from asg_executor.engines.native.kernel_spec import define_inner, define_kernel
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.matrices import Matrices
from asg_executor.engines.native.matmul.tiling import Tiles
from asg_executor.engines.native.matmul.units import matrices_at
from asg_schema.dtype import DType

__all__ = ["DotSpec", "are_dots", "dot_spec"]

_FEW = 3  # rows or columns
_SUMS = 8  # of a tile: as many as are under way at a time
_SHORTEST = 2  # vectors: of fewer terms the sums of a vector's elements would take the time


@dataclass(frozen=True)
class DotSpec:
    """Matrix products; see `MatmulSpec`, whose arguments it has.

    Attributes:
        dtype: that of operands and results; float16 and bfloat16 are multiplied and added in float32, and rounded once.
        matrices: the products.
        lanes: the numbers of a vector.
        tiles: the columns, or, where there are fewer columns than rows, the rows.
        blocks: into how many units they are divided.
    """

    dtype: DType
    matrices: Matrices
    lanes: int
    tiles: Tiles
    blocks: int

    @property
    def units(self) -> int:
        """How many blocks all results have."""
        return self.matrices.batches * self.blocks

    @property
    def scratch_bytes(self) -> int:
        """Nothing is packed."""
        return 0

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        matrices = self.matrices
        kernel = define_kernel(module)
        functions = {size: self._define_tile(module, size) for size in self.tiles.sizes}
        code = Code(kernel, Elements(self.dtype), self.lanes)
        arguments, begin, end, *_ = kernel.args
        pointers = [
            code.builder.load(code.builder.gep(arguments, [INDEX(number)], source_etype=POINTER), typ=POINTER)
            for number in range(3)
        ]
        with code.loop(begin, end) as unit:
            batch, block = code.split(unit, self.blocks)
            left, right, result = matrices_at(code, matrices, batch, pointers)
            first, last = code.share(block, self.tiles.count, self.blocks)
            for size, function in functions.items():
                large = size == self.tiles.size
                with code.loop(
                    first if large else code.most(first, self.tiles.large),
                    code.least(last, self.tiles.large) if large else last,
                ) as tile:
                    place = code.add(code.multiply(tile, size), 0 if large else self.tiles.large)
                    code.builder.call(function, self._tile_at(code, place, left, right, result))
        code.builder.ret_void()

    @property
    def _is_wide(self) -> bool:
        return self.matrices.rows <= self.matrices.columns

    def _tile_at(self, code: Code, place: Index, left: ir.Value, right: ir.Value, result: ir.Value) -> list[ir.Value]:
        matrices = self.matrices
        if self._is_wide:
            return [left, code.at(right, code.multiply(place, matrices.right.column)), code.at(result, place)]
        moved = code.at(result, code.multiply(place, matrices.columns))
        return [code.at(left, code.multiply(place, matrices.left.row)), right, moved]

    def _define_tile(self, module: ir.Module, size: int) -> ir.Function:
        """Define `void (ptr left, ptr right, ptr result)` for so many columns, or rows."""
        function = define_inner(module, "dots", [POINTER] * 3, disjoint=3)
        code = Code(function, Elements(self.dtype), self.lanes)
        rows, columns = (self.matrices.rows, size) if self._is_wide else (size, self.matrices.columns)
        whole = self.matrices.depth // self.lanes * self.lanes
        zero = ir.Constant(code.vector, None)
        with code.loop_with([zero] * (rows * columns), 0, whole, self.lanes) as (term, running):
            running[:] = self._add_terms(code, term, None, running, columns)
        sums = list(running)
        if whole < self.matrices.depth:
            sums = self._add_terms(code, whole, code.first_lanes(self.matrices.depth - whole), sums, columns)
        result = function.args[2]
        for number, total in enumerate(sums):
            row, column = divmod(number, columns)
            code.store(code.sum(total), code.at(result, row * self.matrices.columns + column))
        code.builder.ret_void()
        return function

    def _add_terms(
        self, code: Code, term: Index, mask: ir.Value | None, sums: list[ir.Value], columns: int
    ) -> list[ir.Value]:
        """The sums of a tile with a vector of terms more."""
        left, right, _ = code.function.args
        rows = len(sums) // columns

        def vector(pointer: ir.Value, stride: int, number: int) -> ir.Value:
            return code.load_vector(code.at(code.at(pointer, number * stride), term), mask)

        lefts = [vector(left, self.matrices.left.row, row) for row in range(rows)]
        rights = [vector(right, self.matrices.right.column, column) for column in range(columns)]
        return [
            code.fma(a, b, sums[row * columns + column])
            for row, a in enumerate(lefts)
            for column, b in enumerate(rights)
        ]


def are_dots(matrices: Matrices, unit: VectorUnit, elements: Elements) -> bool:
    """Whether products are better computed so."""
    return (
        min(matrices.rows, matrices.columns) <= _FEW
        and matrices.left.column == 1
        and matrices.right.row == 1
        and matrices.depth * elements.wide.bytes >= _SHORTEST * unit.bytes
    )


def dot_spec(dtype: DType, matrices: Matrices, parts: int, unit: VectorUnit) -> DotSpec:
    """The spec of products for which `are_dots` holds.

    Args:
        dtype: that of operands and results.
        matrices: the products.
        parts: into how many parts they are to be divided, if they have so many units.
        unit: the processor's vectors.
    """
    few, many = sorted((matrices.rows, matrices.columns))
    tiles = Tiles.balanced(many, _SUMS // few)
    blocks = 1 if matrices.batches % parts == 0 else min(parts, tiles.count)
    return DotSpec(dtype, matrices, unit.bytes // Elements(dtype).wide.bytes, tiles, blocks)
