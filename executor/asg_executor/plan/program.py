"""`Program`: a document for concrete shapes, as a list of instructions."""

from collections.abc import Mapping
from dataclasses import dataclass

from asg_executor.plan.arrays import Array
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["Instruction", "Program"]


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One op applied to values.

    Attributes:
        op: the op, its attributes without symbols.
        operands: references of the values that it reads.
        results: references of the values that it makes.
        origin: the document's node that it comes from, for errors.
        whole: the op that it is a part of: a node of the document, or of a function, as it stands there.
    """

    op: Op
    operands: tuple[str, ...]
    results: tuple[str, ...]
    origin: Op
    whole: Op


@dataclass(slots=True)
class Program:
    """Instructions in an order in which they can run, and what comes in and goes out.

    Attributes:
        types: the type of every value, without symbols, by reference.
        sources: the references of the inputs and parameters.
        constants: the values that are known beforehand. An array may be a broadcast view of fewer elements.
        instructions: each after those whose results it reads.
        outputs: the reference of each output, by the output's name.
    """

    types: dict[str, TensorType]
    sources: tuple[str, ...]
    constants: dict[str, Array]
    instructions: list[Instruction]
    outputs: Mapping[str, str]
