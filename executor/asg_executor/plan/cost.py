"""How much arithmetic an instruction takes: `asg_schema.cost` says it of an op."""

from collections.abc import Mapping

from asg_executor.plan.program import Instruction
from asg_schema import cost
from asg_schema.tensor_type import TensorType

__all__ = ["operations"]


def operations(instruction: Instruction, types: Mapping[str, TensorType]) -> int:
    """The operations of one run of an instruction.

    Args:
        instruction: the instruction.
        types: the type of every value, without symbols.
    """
    return cost.operations(
        instruction.op,
        [types[name] for name in instruction.operands],
        [types[name] for name in instruction.results],
    )
