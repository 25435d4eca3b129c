"""The loops of a matrix product of bfloat16 around tiles that AMX multiplies."""

from llvmlite import ir
from typing_extensions import override

from asg_executor.engines.native.amx import AMX_ROW_BYTES, AMX_TERMS
from asg_executor.engines.native.matmul.amx_tile import AmxTile, configure, define_amx_tile, release
from asg_executor.engines.native.matmul.blocks import Block
from asg_executor.engines.native.matmul.code import Index
from asg_executor.engines.native.matmul.row_packing import Rows, define_row_packing

__all__ = ["AmxBlock"]


class AmxBlock(Block):
    """Emits the code of a block; see `Block`."""

    @property
    @override
    def group(self) -> int:
        return AMX_TERMS

    @override
    def begin_rows(self, size: int) -> None:
        configure(self.code, size)

    @override
    def end(self) -> None:
        release(self.code)

    @override
    def pack_left(self, size: int, left: ir.Value, tiles: Index, count: Index) -> None:
        code, matrices = self.code, self.matrices
        rows = Rows(matrices.depth, matrices.left.row, matrices.left.column)
        packing = self.defined(rows, lambda module: define_row_packing(module, rows, code.elements))
        code.builder.call(packing, [left, self.packed_left, code.value(code.multiply(tiles, size))])

    @override
    def tile_kernel(self, size: int, width: int, right_step: int) -> ir.Function:
        matrices, elements = self.matrices, self.code.elements
        groups = -(-matrices.depth // AMX_TERMS)
        tile = AmxTile(
            size,
            width,
            groups,
            groups * AMX_ROW_BYTES if self.tiling.packs_left else matrices.left.row * elements.bytes,
            right_step * elements.wide.bytes,
            matrices.columns,
            self.fetched,
        )
        return self.defined(tile, lambda module: define_amx_tile(module, tile, elements))

    @override
    def tile_arguments(self, steps: Index, first: ir.Value) -> list[ir.Value]:
        return [self.sums]
