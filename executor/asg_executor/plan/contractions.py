"""Contractions in 16 bits: products of float32 matrices whose operands and results are rounded to a narrower dtype.

That is what mixed precision is, as `torch.autocast` has it: `matmul` and `conv`, and with them all composites that are
made of them, take float16 or bfloat16, add up in float32, round the sum once, and give it back as float32. All else
stays in float32. The 16-bit values are ordinary values of the program, so every engine has it, and they take half the
memory where they wait for the backward pass.
"""

from dataclasses import replace

from asg_executor.plan.program import Instruction, Program
from asg_schema.dtype import DType
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.elementwise import Astype, StopGradient
from asg_schema.ops.layout import BroadcastTo, PermuteDims, Reshape
from asg_schema.ops.window import Conv
from asg_schema.tensor_type import TensorType

__all__ = ["narrow_contractions"]

# A value and what these make of it are rounded once: rounding commutes with them.
_MOVES = (BroadcastTo, PermuteDims, Reshape, StopGradient)


def narrow_contractions(program: Program, dtype: DType) -> Program:
    """The program with its contractions of float32 in a 16-bit dtype.

    Products that a linear-algebra op is made of, such as `solve`, stay as they are: a permutation has nothing to gain.

    Args:
        program: what `lower` makes.
        dtype: float16 or bfloat16.
    """
    return _Narrowing(program, dtype).run()


class _Narrowing:
    """One pass from the first instruction to the last."""

    def __init__(self, program: Program, dtype: DType) -> None:
        self.program = program
        self.dtype = dtype
        self.types = dict(program.types)
        self.instructions: list[Instruction] = []
        self.moves: dict[str, Instruction] = {}
        self.narrow: dict[str, str] = {}  # for a float32 value the 16-bit one of the same numbers, or rounded to them

    def run(self) -> Program:
        for instruction in self.program.instructions:
            if self._is_contraction(instruction):
                self._contract(instruction)
                continue
            self.instructions.append(instruction)
            (result, *_) = instruction.results
            if isinstance(instruction.op, _MOVES):
                self.moves[result] = instruction
            elif isinstance(instruction.op, Astype) and self.types[result].dtype is DType.FLOAT32:
                (source,) = instruction.operands
                if self.types[source].dtype is self.dtype:
                    self.narrow[result] = source
        return replace(self.program, types=self.types, instructions=self.instructions)

    def _is_contraction(self, instruction: Instruction) -> bool:
        return (
            isinstance(instruction.op, Matmul | Conv)
            and self.types[instruction.results[0]].dtype is DType.FLOAT32
            and instruction.whole.family() != "linalg"
        )

    def _contract(self, instruction: Instruction) -> None:
        operands = tuple(self._narrowed(operand, instruction) for operand in instruction.operands)
        (result,) = instruction.results
        product = self._fresh(result)
        self.instructions.append(replace(instruction, operands=operands, results=(product,)))
        self.instructions.append(_conversion(product, result, DType.FLOAT32, instruction))
        self.narrow[result] = product

    def _narrowed(self, reference: str, reader: Instruction) -> str:
        """The 16-bit value of a float32 one. It is rounded where it is made, before it is moved about."""
        moves: list[Instruction] = []
        made = reference
        while made not in self.narrow and made in self.moves:
            moves.append(self.moves[made])
            (made,) = moves[-1].operands
        if made not in self.narrow:
            self.narrow[made] = self._fresh(made)
            self.instructions.append(_conversion(made, self.narrow[made], self.dtype, reader))
        for move in reversed(moves):
            (source,), (moved,) = move.operands, move.results
            self.narrow[moved] = self._fresh(moved)
            self.instructions.append(replace(move, operands=(self.narrow[source],), results=(self.narrow[moved],)))
        return self.narrow[reference]

    def _fresh(self, reference: str) -> str:
        """A new reference for the 16-bit value of a float32 one."""
        name = f"{reference}.{self.dtype.value}"
        while name in self.types:
            name += "'"  # no id of a document has one
        self.types[name] = TensorType(self.dtype, self.types[reference].shape)
        return name


def _conversion(source: str, result: str, dtype: DType, reader: Instruction) -> Instruction:
    """A conversion that belongs to the node that reads it."""
    op = Astype.model_construct(id=result, inputs=(source,), dtype=dtype)
    return Instruction(op, (source,), (result,), reader.origin, reader.whole)
