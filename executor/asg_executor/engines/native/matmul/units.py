"""Where the matrices of a unit of work lie."""

from llvmlite import ir

from asg_executor.engines.native.matmul.code import Code, Index
from asg_executor.engines.native.matmul.matrices import Matrices

__all__ = ["matrices_at"]


def matrices_at(code: Code, matrices: Matrices, batch: Index, pointers: list[ir.Value]) -> list[ir.Value]:
    """The matrices with a number: the left one, the right one, and the result.

    Args:
        code: the function that gets the instructions.
        matrices: the products.
        batch: the number.
        pointers: where those with number 0 lie.
    """
    result = code.multiply(batch, matrices.rows * matrices.columns)
    left: Index = 0
    right: Index = 0
    for axis in reversed(range(len(matrices.batch))):
        batch, index = code.split(batch, matrices.batch[axis]) if axis else (0, batch)
        left = code.add(left, code.multiply(index, matrices.left.batch[axis]))
        right = code.add(right, code.multiply(index, matrices.right.batch[axis]))
    return [code.at(pointer, offset) for pointer, offset in zip(pointers, (left, right, result), strict=True)]
