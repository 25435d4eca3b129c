"""Matrix products as native kernels."""

from collections.abc import Sequence

from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.matmul.matrices import Matrices, Matrix
from asg_executor.engines.native.matmul.spec import matmul_spec
from asg_executor.plan.layout import Layout
from asg_schema.ops.contraction import Matmul

__all__: list[str] = []


@native_kernels.define(Matmul)
def matmul(op: Matmul, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> Sequence[NativeKernel]:
    """Products of floats; a vector is a matrix of one row, or of one column."""
    dtype = operands[0].dtype
    if not dtype.is_floating:
        return ()
    left, right = (operand.layout for operand in operands)
    if len(left.shape) == 1:
        left = left._replace(shape=(1, *left.shape), strides=(0, *left.strides))
    if len(right.shape) == 1:
        right = right._replace(shape=(*right.shape, 1), strides=(*right.strides, 0))
    shape = results[0].layout.shape
    batch = shape[: max(len(left.shape), len(right.shape)) - 2]
    rows, depth = left.shape[-2:]
    columns = right.shape[-1]
    matrices = Matrices(batch, rows, columns, depth, _matrix(left, batch), _matrix(right, batch))
    work = matrices.batches * rows * columns * depth // 4
    parts = parts_for(work, work, threads)
    spec = matmul_spec(dtype, matrices, parts)
    return (NativeKernel(spec, (Argument(0), Argument(1), Argument(2)), min(parts, spec.units)),)


def _matrix(layout: Layout, batch: tuple[int, ...]) -> Matrix:
    seen = layout.broadcast((*batch, *layout.shape[-2:]))
    return Matrix(seen.strides[:-2], *seen.strides[-2:])
