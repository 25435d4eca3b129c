"""`MatmulSpec`: a matrix product, or many, in native code."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.compilation import vector_unit
from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.matmul.blocks import define_block, scratch_elements
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.matrices import Matrices
from asg_executor.engines.native.matmul.tiling import Tiling, choose_tiling
from asg_schema.dtype import DType

__all__ = ["MatmulSpec", "matmul_spec"]


@dataclass(frozen=True)
class MatmulSpec:
    """Matrix products; see `KernelSpec`. Its arguments are the left matrices, the right ones, and the results.

    The results lie one after another, row by row. A unit is a block of one result.

    Attributes:
        dtype: that of operands and results; float16 and bfloat16 are multiplied and added in float32, and rounded once.
        matrices: the products.
        tiling: how they are cut.
    """

    dtype: DType
    matrices: Matrices
    tiling: Tiling

    @property
    def units(self) -> int:
        """How many blocks all results have."""
        return self.matrices.batches * self.tiling.row_blocks * self.tiling.column_blocks

    @property
    def scratch_bytes(self) -> int:
        """What the packed pieces take."""
        return scratch_elements(self.matrices, self.tiling) * Elements(self.dtype).wide.bytes

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        matrices, tiling = self.matrices, self.tiling
        kernel = define_kernel(module)
        elements = Elements(self.dtype)
        block = define_block(module, matrices, tiling, elements)
        code = Code(kernel, elements, tiling.lanes)
        builder = code.builder
        arguments, begin, end, _, scratch = kernel.args
        pointers = [
            builder.load(builder.gep(arguments, [INDEX(number)], source_etype=POINTER), typ=POINTER)
            for number in range(3)
        ]
        with code.loop(begin, end) as unit:
            rest, column_block = _split(code, unit, tiling.column_blocks)
            batch, row_block = _split(code, rest, tiling.row_blocks)
            left, right, result = self._matrices_at(code, batch, pointers)
            rows = _share(code, row_block, tiling.rows.count, tiling.row_blocks)
            tiles = -(-matrices.columns // tiling.columns)
            columns = _share(code, column_block, tiles, tiling.column_blocks)
            builder.call(block, [left, right, result, *rows, *columns, scratch])
        builder.ret_void()

    def _matrices_at(self, code: Code, batch: Index, pointers: list[ir.Value]) -> list[ir.Value]:
        """The matrices with a number."""
        matrices = self.matrices
        result: Index = code.multiply(batch, matrices.rows * matrices.columns)
        left: Index = 0
        right: Index = 0
        for axis in reversed(range(len(matrices.batch))):
            batch, index = _split(code, batch, matrices.batch[axis]) if axis else (0, batch)
            left = code.add(left, code.multiply(index, matrices.left.batch[axis]))
            right = code.add(right, code.multiply(index, matrices.right.batch[axis]))
        return [code.at(pointer, offset) for pointer, offset in zip(pointers, (left, right, result), strict=True)]


def matmul_spec(dtype: DType, matrices: Matrices, parts: int) -> MatmulSpec:
    """The spec of matrix products, none of whose axes is empty.

    Args:
        dtype: that of operands and results; float16 and bfloat16 are multiplied and added in float32, and rounded once.
        matrices: the products.
        parts: into how many parts they are to be divided, if they have so many units.
    """
    unit = vector_unit()
    simplified = matrices.simplified()
    return MatmulSpec(dtype, simplified, choose_tiling(simplified, parts, unit, Elements(dtype)))


def _split(code: Code, number: Index, size: int) -> tuple[Index, Index]:
    """Quotient and remainder."""
    if size == 1:
        return number, 0
    value = code.value(number)
    return code.builder.udiv(value, INDEX(size)), code.builder.urem(value, INDEX(size))


def _share(code: Code, block: Index, tiles: int, blocks: int) -> tuple[ir.Value, ir.Value]:
    """The first tile of a block, and that of the next one."""
    if blocks == 1:
        return INDEX(0), INDEX(tiles)
    scaled = code.multiply(block, tiles)
    builder = code.builder
    return (
        builder.udiv(code.value(scaled), INDEX(blocks)),
        builder.udiv(code.value(code.add(scaled, tiles)), INDEX(blocks)),
    )
