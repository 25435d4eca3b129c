"""`Rule`: the settings of an update rule, and the rule itself as a document.

Most rules are element-wise. The parameters of one dtype and one group lie end to end in one vector, and so do their
gradients and each of the rule's slots (its memory between steps: a momentum, a second moment); one document over these
vectors updates every parameter at once. A rule that looks at each parameter as a whole (a norm, a matrix) has one
document with a block for each parameter, in the parameter's own shape. An engine compiles both like any other document.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from asg_executor.optimizers.schedules.choice import LearningRate
from asg_executor.optimizers.schedules.schedule import NonNegative, Schedule
from asg_schema.dims import Dim, symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import Problem
from asg_schema.ops.elementwise import Astype
from asg_schema.tensor_type import TensorType

__all__ = [
    "VECTOR",
    "Betas",
    "Decay",
    "FormulaRule",
    "LearningRate",
    "NonNegative",
    "Operands",
    "Rule",
    "Slot",
    "Updated",
    "WeightDecay",
    "accumulation_dtype",
    "block_name",
    "convert",
]

VECTOR: tuple[Dim, ...] = (symbol("length"),)
"""The shape of the vectors in the document of an element-wise rule."""

Decay: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
"""How much of a running mean is kept, in [0, 1)."""

# In JSON a pair is an array, which strict mode does not take for a tuple.
Betas: TypeAlias = Annotated[tuple[Decay, Decay], Field(strict=False)]
"""The decays of two running means."""


class Slot(NamedTuple):
    """What a rule keeps between steps, beside a parameter or a vector of parameters.

    Attributes:
        name: its name.
        type: its type.
        initial: the value of its elements before the first step.
    """

    name: str
    type: TensorType
    initial: float = 0.0


class Operands(NamedTuple):
    """What a rule computes with.

    Attributes:
        parameter: the parameters, in the dtype in which the update is computed.
        gradient: the gradient with respect to them, of the same type.
        slots: each slot by name.
        step: the number of the step, rank 0, float64; the first step is 1.
        learning_rate: the learning rate of the step, rank 0, float64.
    """

    parameter: Value
    gradient: Value
    slots: Mapping[str, Value]
    step: Value
    learning_rate: Value


Updated: TypeAlias = tuple[Value, dict[str, Value]]
"""The next parameters, and the next value of each slot."""


class Rule(BaseModel, ABC):
    """An update rule's settings. They are strict: no unknown field, no string or bool for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    whole: ClassVar[bool] = False
    """Whether the rule looks at each parameter as a whole, and not at each element for itself."""

    learning_rate: Any

    @property
    def name(self) -> str:
        """The name of the rule's kind."""
        return type(self).model_fields["kind"].default

    @property
    def rate(self) -> float | Schedule | None:
        """The learning rate or its schedule; None where the rule takes none."""
        return self.learning_rate

    @abstractmethod
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        """What the rule keeps beside a block.

        Args:
            type: the type of the block: a parameter's shape, or the vector's, in the dtype of the parameters.
        """

    def problems(self) -> list[Problem]:
        """What is wrong with the settings beyond their form; pointers start at the settings."""
        return []

    def refusal(self, type: TensorType) -> str | None:
        """Why the rule cannot update a parameter of this type, and what would be right; None where it can."""
        wide = accumulation_dtype(type.dtype)
        for name, setting in self:
            values = cast("tuple[Any, ...]", setting) if isinstance(setting, tuple) else (setting,)
            for value in values:
                if isinstance(value, float) and abs(value) >= wide.overflow:
                    return f"{name} is {value:g}; a number that does not overflow {wide.value} is needed"
        return None

    def with_settings(self, settings: Mapping[str, Any]) -> "Rule":
        """The rule with other values, which are valid ones, for some of its settings."""
        return self.model_copy(update=dict(settings))

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return self.model_dump(mode="json")

    @abstractmethod
    def update_document(self, dtype: DType, shapes: Sequence[tuple[Dim, ...]]) -> Document:
        """The update as a document over blocks of parameters.

        Inputs: `parameter` and `gradient`, of `dtype`, and each slot; `step`, int64, and `learning_rate`, float64, rank
        0. Outputs: `parameter` and each slot, the next value of the input of the same name. An output may be written
        over the memory of its input. Where the rule looks at parameters as a whole, the blocks are numbered:
        `parameter.0`, `gradient.0`, …; see `block_name`.

        Args:
            dtype: the dtype of the parameters, a floating-point one.
            shapes: the shape of each block: that of each parameter, or `VECTOR` alone.
        """


class FormulaRule(Rule):
    """A rule whose document is written from its formula, which each kind defines."""

    @abstractmethod
    def update(self, operands: Operands) -> Updated:
        """Write the update rule into the graph of its operands."""

    @override
    def update_document(self, dtype: DType, shapes: Sequence[tuple[Dim, ...]]) -> Document:
        editor = Editor()
        step = convert(editor.add_input(Input(id="step", dtype=DType.INT64, shape=())), DType.FLOAT64)
        rate = editor.add_input(Input(id="learning_rate", dtype=DType.FLOAT64, shape=()))
        for number, shape in enumerate(shapes):
            self._write_block(editor, number, TensorType(dtype, shape), step, rate)
        return editor.document(f"{self.name}.{dtype.value}")

    def _write_block(self, editor: Editor, number: int, type: TensorType, step: Value, rate: Value) -> None:
        def source(name: str, type: TensorType) -> Value:
            return editor.add_input(Input(id=block_name(self, name, number), dtype=type.dtype, shape=type.shape))

        wide = accumulation_dtype(type.dtype)
        parameter, gradient = source("parameter", type), source("gradient", type)
        slots = {slot.name: source(slot.name, slot.type) for slot in self.slots(type)}
        next_parameter, next_slots = self.update(
            Operands(convert(parameter, wide), convert(gradient, wide), slots, step, rate)
        )
        results = {"parameter": convert(next_parameter, type.dtype), **{name: next_slots[name] for name in slots}}
        for name, value in results.items():
            editor.add_output(Output(name=block_name(self, name, number), value=value.id))


class WeightDecay(FormulaRule):
    """A rule that the settings of parameter groups may give another weight decay."""

    learning_rate: LearningRate
    weight_decay: NonNegative


def block_name(rule: Rule, name: str, number: int) -> str:
    """How a rule's document names the input or output `name` of the block of this number."""
    return f"{name}.{number}" if rule.whole else name


def accumulation_dtype(dtype: DType) -> DType:
    """The dtype in which the update of `dtype` parameters is computed, and that their slots have.

    float32 for the 16-bit types: a second moment, or an epsilon of 1e-8, would vanish in float16.
    """
    return DType.FLOAT32 if dtype.bits < 32 else dtype


def convert(value: Value, dtype: DType) -> Value:
    """`value` as `dtype`, without a node where it is that already.

    Step-dependent scalars such as `1 - beta ** step` are computed in float64 and then converted, as `torch.optim`
    computes them in Python floats.
    """
    return value if value.dtype is dtype else Astype.of(value, dtype=dtype)
