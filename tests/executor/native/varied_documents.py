"""Random documents of every dtype and of awkward sizes, laid out anyhow, with bounds of how far engines may differ."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from asg_executor.plan.arrays import Array, concrete_shape
from asg_schema.document import Document, Output
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Astype
from asg_schema.ops.elementwise_functions import Tanh
from asg_schema.ops.reduction import Sum
from executor.native.growing_document import GrowingDocument
from executor.native.growths import GROWTHS

__all__ = ["VariedDocument", "varied_document"]

_MOST_OUTPUTS = 8


@dataclass(frozen=True)
class VariedDocument:
    """A document that can be computed.

    Attributes:
        document: it has the scalar output `loss`, to which all other outputs of floats contribute.
        inputs: an array for each input.
        bounds: for each output by how much engines may differ in an element.
        differentiable: the inputs by which the loss has derivatives.
    """

    document: Document
    inputs: Mapping[str, Array]
    bounds: Mapping[str, float]
    differentiable: tuple[str, ...]


def varied_document(seed: int, steps: int) -> VariedDocument:
    """A document of about so many steps, each of which is one op or a few."""
    growing = GrowingDocument(Random(seed))
    for _ in range(3):
        growing.new_float()
    for _ in range(steps):
        growing.random.choice(GROWTHS)(growing)
    given = {item.id for item in growing.editor.inputs}
    made = growing.values(lambda value: value.id not in given) or growing.values()
    chosen = growing.random.sample(made, min(_MOST_OUTPUTS, len(made)))
    bounds: dict[str, float] = {}
    for number, value in enumerate(chosen):
        growing.editor.add_output(Output(name=f"y{number}", value=value.id))
        bounds[f"y{number}"] = growing.bounds[value.id]
    loss, bounds["loss"] = _loss(growing, chosen)
    growing.editor.add_output(Output(name="loss", value=loss.id))
    floats = tuple(item.id for item in growing.editor.inputs if item.dtype.is_floating and growing.arrays[item.id].size)
    return VariedDocument(growing.editor.document("varied"), growing.arrays, bounds, floats)


def _loss(growing: GrowingDocument, values: list[Value]) -> tuple[Value, float]:
    """The sum of the means of floats, each below 1."""
    loss, bound = growing.editor.full((), 0.0, DType.FLOAT64), 0.0
    for value in values:
        if value.dtype.is_floating:
            count = max(1, math.prod(concrete_shape(value.type)))
            loss = loss + Sum.of(Tanh.of(Astype.of(value, dtype=DType.FLOAT64))) * (1 / count)
            bound += growing.bounds[value.id] + 1e-14
    return loss, bound
