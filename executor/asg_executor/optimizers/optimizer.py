"""`Optimizer`: the settings of an update rule, and the rule itself as a document over one flat vector.

All parameters of one dtype lie end to end in one vector, and so do their gradients and each of the optimizer's slots
(its memory between steps: a momentum, a second moment). An update rule is element-wise, so one document over these
vectors updates every parameter at once. An engine compiles it like any other document.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.elementwise import Astype

__all__ = ["LENGTH", "NonNegative", "Optimizer", "accumulation_dtype", "convert", "update_document"]

LENGTH = "length"
"""The symbol that stands for the length of the vectors in an update document."""

NonNegative: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
"""A finite float that is at least 0."""


class Optimizer(BaseModel, ABC):
    """An optimizer's settings. They are strict: no unknown field, no string or bool for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """The names of the vectors that the optimizer keeps between steps. All of them start as zeros."""

    @abstractmethod
    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], step: Value
    ) -> tuple[Value, dict[str, Value]]:
        """Write the update rule into the graph of its operands.

        Args:
            parameter: the parameters, `[length]`.
            gradient: the gradient of the loss with respect to them, of the same type.
            slots: for each name in `slots` its vector, of the same type.
            step: the number of the step, rank 0, float64; the first step is 1.

        Returns:
            The next parameters, and the next vector for each slot.
        """


def accumulation_dtype(dtype: DType) -> DType:
    """The dtype in which the update of `dtype` parameters is computed, and that their slots have.

    float32 for the 16-bit types: a second moment, or an epsilon of 1e-8, would vanish in float16.
    """
    return DType.FLOAT32 if dtype.bits < 32 else dtype


def update_document(optimizer: Optimizer, dtype: DType) -> Document:
    """The update rule for parameters of one dtype.

    Inputs: `parameter` and `gradient`, of `dtype`; each slot, of `accumulation_dtype(dtype)`, all `[length]`; and
    `step`, int64, rank 0. Outputs: `parameter` and each slot, the next value of the input of the same name. An output
    may be written over the memory of its input.

    Args:
        optimizer: the settings.
        dtype: a floating-point dtype.
    """
    editor = Editor()
    wide = accumulation_dtype(dtype)
    shape = (symbol(LENGTH),)
    parameter, gradient = (
        editor.add_input(Input(id=name, dtype=dtype, shape=shape)) for name in ("parameter", "gradient")
    )
    slots = {name: editor.add_input(Input(id=name, dtype=wide, shape=shape)) for name in optimizer.slots}
    step = editor.add_input(Input(id="step", dtype=DType.INT64, shape=()))
    updated, updated_slots = optimizer.update(
        convert(parameter, wide), convert(gradient, wide), slots, convert(step, DType.FLOAT64)
    )
    editor.add_output(Output(name="parameter", value=convert(updated, dtype).id))
    for name in optimizer.slots:
        editor.add_output(Output(name=name, value=updated_slots[name].id))
    return editor.document(f"{type(optimizer).__name__.lower()}.{dtype.value}")


def convert(value: Value, dtype: DType) -> Value:
    """`value` as `dtype`, without a node where it is that already.

    Step-dependent scalars such as `1 - beta ** step` are computed in float64 and then converted, as `torch.optim`
    computes them in Python floats.
    """
    return value if value.dtype is dtype else Astype.of(value, dtype=dtype)
