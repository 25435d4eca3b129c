"""Control of how a program is run."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Barrier"]


class Barrier(Op):
    """x itself, behind a wall: what stands behind it is never merged with what stands before it.

    Two barriers are never duplicates of each other, so a value that is computed again behind one stays computed again.
    The result has the operand's type and its very bits.

    Gradient:
        x: ḡ, behind no barrier of its own.
    """

    op: Literal["barrier"] = "barrier"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)
