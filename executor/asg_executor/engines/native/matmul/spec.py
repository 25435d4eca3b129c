"""`MatmulSpec`: a matrix product, or many, in native code."""

from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.compilation import vector_unit
from asg_executor.engines.native.fused.body import Body
from asg_executor.engines.native.kernel_spec import define_inner, define_kernel
from asg_executor.engines.native.matmul.amx_block import AmxBlock
from asg_executor.engines.native.matmul.blocks import Block, scratch_elements
from asg_executor.engines.native.matmul.code import INDEX, POINTER, Code
from asg_executor.engines.native.matmul.dots import DotSpec, are_dots, dot_spec
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.matmul.epilogue import EpilogueCode
from asg_executor.engines.native.matmul.matrices import Matrices
from asg_executor.engines.native.matmul.tiling import Tiling, choose_tiling
from asg_executor.engines.native.matmul.units import matrices_at
from asg_schema.dtype import DType

__all__ = ["MatmulSpec", "matmul_spec"]


@dataclass(frozen=True)
class MatmulSpec:
    """Matrix products; see `KernelSpec`. Its arguments are the left matrices, the right ones, and the results.

    The results lie one after another, row by row. A unit is a block of one result. The epilogue's arrays are arguments
    as well, behind the others; where it reads the results, it has a pointer of its own to them.

    Attributes:
        dtype: that of operands and results; float16 and bfloat16 are multiplied and added in float32, and rounded once.
        matrices: the products.
        tiling: how they are cut.
        epilogue: what is computed of each element as soon as it has all terms, and is in the cache: its units are the
            rows of all results, and its row is one of them. It writes nothing that the product reads.
    """

    dtype: DType
    matrices: Matrices
    tiling: Tiling
    epilogue: Body | None = None

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
        block = self._define_block(module, elements)
        code = Code(kernel, elements, tiling.lanes)
        builder = code.builder
        arguments, begin, end, _, scratch = kernel.args
        pointers, arrays = self._pointers(builder, arguments)
        with code.loop(begin, end) as unit:
            rest, column_block = code.split(unit, tiling.column_blocks)
            batch, row_block = code.split(rest, tiling.row_blocks)
            left, right, result = matrices_at(code, matrices, batch, pointers)
            rows = code.share(row_block, tiling.rows.count, tiling.row_blocks)
            tiles = -(-matrices.columns // tiling.columns)
            columns = code.share(column_block, tiles, tiling.column_blocks)
            bounds = [code.value(bound) for bound in (*rows, *columns)]
            first_row = [] if self.epilogue is None else [code.value(code.multiply(batch, matrices.rows))]
            builder.call(block, [left, right, result, *bounds, scratch, *first_row, *arrays])
        builder.ret_void()

    def _define_block(self, module: ir.Module, elements: Elements) -> ir.Function:
        """Define a function that computes a block of the result of one product.

        It is `void (ptr left, ptr right, ptr result, i64 row begin, i64 row end, i64 column begin, i64 column end, ptr
        scratch)`. The pointers are those of the matrices' first elements; the block is given in tiles. With an epilogue
        there follow `i64 first row, ptr array, …`: the number of the product's first row among the rows of all
        products, and the epilogue's arrays.
        """
        epilogue, tiling = self.epilogue, self.tiling
        more = [] if epilogue is None else [INDEX] + [POINTER] * epilogue.arguments
        function = define_inner(module, "block", [POINTER] * 3 + [INDEX] * 4 + [POINTER] + more)
        code = Code(function, elements, tiling.lanes)
        then = None if epilogue is None else EpilogueCode(code, epilogue, function.args[8], function.args[9:])
        kind = AmxBlock if tiling.uses_amx else Block
        kind(code, self.matrices, tiling, then).emit()
        return function

    def _pointers(self, builder: ir.IRBuilder, arguments: ir.Value) -> tuple[list[ir.Value], list[ir.Value]]:
        """Those of the three matrices, and those of the epilogue's arrays."""
        count = 3 + (self.epilogue.arguments if self.epilogue else 0)
        pointers = [
            builder.load(builder.gep(arguments, [INDEX(number)], source_etype=POINTER), typ=POINTER)
            for number in range(count)
        ]
        return pointers[:3], pointers[3:]


def matmul_spec(dtype: DType, matrices: Matrices, parts: int) -> MatmulSpec | DotSpec:
    """The spec of matrix products, none of whose axes is empty.

    Args:
        dtype: that of operands and results; float16 and bfloat16 are multiplied and added in float32, and rounded once.
        matrices: the products.
        parts: into how many parts they are to be divided, if they have so many units.
    """
    unit = vector_unit()
    simplified = matrices.simplified()
    if are_dots(simplified, unit, Elements(dtype)):
        return dot_spec(dtype, simplified, parts, unit)
    return MatmulSpec(dtype, simplified, choose_tiling(simplified, parts, unit, Elements(dtype)))
