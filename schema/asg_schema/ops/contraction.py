"""Contraction: the matrix product."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Matmul"]


class Matmul(Op):
    """The matrix product over the last two axes, as `numpy.matmul` has it.

    result[…, i, j] = Σₖ x1[…, i, k] · x2[…, k, j]; leading axes broadcast. A rank-1 operand is a row on the left, a
    column on the right, and its axis leaves the result: [k] and [k] yield rank 0. The last axis of x1 and the last but
    one of x2 (the only one of a rank-1 x2) must be equal; rank 0 is refused.

    The result has the operands' dtype. Over an inner axis of size 0 it is 0. Products and sums of integers wrap around;
    those of float16 and bfloat16 are formed in float32 or better, and the sum is rounded once.

    Gradient:
        x1: ḡ · x2ᵀ, where ᵀ exchanges the last two axes.
        x2: x1ᵀ · ḡ.
        A rank-1 operand counts as its row or column; leading axes along which an operand was repeated are summed.
    """

    op: Literal["matmul"] = "matmul"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1", DTypeGroup.NUMERIC), Operand("x2", DTypeGroup.NUMERIC))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = operands
        for index, operand in enumerate(operands):
            if operand.rank == 0:
                raise RuleError(f"{{{index}}} has rank 0; at least one axis is needed", operand=index)
        inner = b.shape[0] if b.rank == 1 else b.shape[-2]
        if a.shape[-1] != inner:
            raise RuleError(
                f"the last axis of {{0}} is {a.shape[-1]} and the {'only' if b.rank == 1 else 'last but one'} axis of "
                f"{{1}} is {inner}; they must be equal",
                operand=1,
            )
        batch = broadcast_shapes((a.shape[:-2], b.shape[:-2]))
        rows = a.shape[-2:-1]
        columns = b.shape[-1:] if b.rank > 1 else ()
        return (TensorType(a.dtype, (*batch, *rows, *columns)),)
