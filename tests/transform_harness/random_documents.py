"""Random documents from the whole op set, with values at which they can be computed.

A document grows by samples of ops (`op_samples`), each with operands at which its op is defined. An operand is an input
or a parameter with the sample's values, or that times a number close to 1 which depends on other values, or another
value of the same type: so derivatives flow through many ops. Sizes above 1 are symbols where the sample allows, one for
equal sizes.
"""

from dataclasses import dataclass
from random import Random

import numpy as np

import asg_executor
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.dims import Dim, dim_from_json, symbols_of
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import AsgError, RuleError
from asg_schema.ops.comparison import Greater
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Add,
    Astype,
    Divide,
    Maximum,
    Multiply,
    Negative,
    StopGradient,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Sin, Tanh
from asg_schema.ops.layout import BroadcastTo, PermuteDims, Reshape
from asg_schema.ops.reduction import Sum
from asg_schema.roles import MetricRole, RngKeyRole, StateUpdateRole
from op_samples import ALL_SAMPLES
from op_samples.sample import Array, Sample, declared_operand, dtype_of, is_random_key
from op_samples.symbolic import symbol_values, symbolic_shapes

__all__ = ["RandomDocument", "random_document", "run"]

SAMPLES_BY_OP: dict[str, list[Sample]] = {}
for _sample in ALL_SAMPLES:
    SAMPLES_BY_OP.setdefault(_sample.op.name, []).append(_sample)


@dataclass(frozen=True)
class RandomDocument:
    """A document that can be computed.

    Attributes:
        document: it has the scalar output `loss`, which depends on all ops, and others of any type.
        values: an array for each input and parameter.
        sizes: what the symbols of its shapes stand for.
    """

    document: Document
    values: dict[str, Array]
    sizes: dict[str, int]

    def differentiable(self) -> list[str]:
        """The inputs and parameters of double precision that have elements."""
        return [name for name, array in self.values.items() if array.dtype == np.float64 and array.size]


def run(document: Document, values: dict[str, Array]) -> dict[str, Array]:
    """The outputs of a document; `values` may have more than its inputs and parameters."""
    inputs = {item.id: values[item.id] for item in document.inputs}
    parameters = {item.id: values[item.id] for item in document.parameters}
    return asg_executor.run(document, inputs, parameters, engine="numpy")


def random_document(seed: int, steps: int) -> RandomDocument:
    """A document of about `steps` samples and as many small ops between them."""
    growing = _Growing(Random(seed))
    for _ in range(steps):
        growing.add_sample()
        growing.add_small_op()
    return growing.finished()


class _Growing:
    """A document while it grows."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.editor = Editor()
        self.values: dict[str, Array] = {}
        self.sizes: dict[str, int] = {}
        self.made: list[Value] = []
        self.parameters: list[Value] = []

    def add_sample(self) -> None:
        """Append an op, each as likely as any other, as one of its samples has it."""
        sample = self.random.choice(SAMPLES_BY_OP[self.random.choice(sorted(SAMPLES_BY_OP))])
        symbolic = self.random.random() < 0.6
        shapes = symbolic_shapes(sample) if symbolic else [operand.shape for operand in sample.operands]
        if symbolic and not self._is_defined(sample, shapes):
            shapes = [operand.shape for operand in sample.operands]
        self.sizes.update(symbol_values(sample))
        operands = [self._operand(sample, place, shape) for place, shape in enumerate(shapes)]
        try:
            results = self.editor.emit(sample.op, operands, dict(sample.attributes))
        except AsgError:  # what another value of the type does not tell, such as that it is a constant
            return
        self.made.extend(results)

    def _is_defined(self, sample: Sample, shapes: list[tuple[Dim, ...]]) -> bool:
        """Whether the op's rule holds for these shapes and says no size below 0."""
        trial = Editor()
        try:
            operands = [
                trial.add_input(Input(id=f"x{place}", dtype=dtype_of(operand), shape=_dims(shape)))
                for place, (operand, shape) in enumerate(zip(sample.operands, shapes, strict=True))
            ]
            results = trial.emit(sample.op, operands, dict(sample.attributes))
        except AsgError:
            return False
        return all("-" not in str(dim) for result in results for dim in result.shape)

    def _operand(self, sample: Sample, place: int, shape: tuple[Dim, ...]) -> Value:
        array, dims = sample.operands[place], _dims(shape)
        kind = self.random.random()
        alike = [value for value in self.made if value.dtype is dtype_of(array) and value.shape == dims]
        declared = declared_operand(sample.op, place)
        if kind < 0.25 and alike and declared.differentiable and dtype_of(array).is_floating:
            return Tanh.of(self.random.choice(alike))
        source = self._source(array, dims, is_key=is_random_key(sample.op, place))
        if kind < 0.7 and self.made and declared.differentiable and array.dtype == np.float64:
            return source * self._factor()
        return source

    def _source(self, array: Array, dims: tuple[Dim, ...], *, is_key: bool) -> Value:
        """An input or a parameter with these values."""
        types = self.editor.types
        same = [
            name
            for name, other in self.values.items()
            if types[name].shape == dims and other.dtype == array.dtype and other.tobytes() == array.tobytes()
        ]
        if same and self.random.random() < 0.5:
            return self.editor.value(same[0])
        concrete = dims == array.shape
        if concrete and dtype_of(array).is_floating and self.random.random() < 0.5:
            item = Parameter(id=f"w{len(self.parameters)}", dtype=dtype_of(array), shape=array.shape)
            value = self.editor.add_parameter(item)
            self.parameters.append(value)
        else:
            role = RngKeyRole() if is_key and array.shape == (2,) and self.random.random() < 0.5 else None
            id = f"x{len(self.editor.inputs)}"
            value = self.editor.add_input(Input(id=id, dtype=dtype_of(array), shape=dims, role=role))
        self.values[value.id] = array
        return value

    def _factor(self) -> Value:
        """A number between 0.8 and 1 that depends on another value: where x is defined, x times it is, too."""
        return self._summary(self.random.choice(self.made)) * 0.1 + 0.9

    def _summary(self, value: Value) -> Value:
        """A number of double precision between -1 and 1 that depends on all elements of a value."""
        wide = value if value.dtype is DType.FLOAT64 else Astype.of(value, dtype=DType.FLOAT64)
        return Sin.of(Sum.of(Tanh.of(wide)))

    def add_small_op(self) -> None:
        """Append one of the ops that rewrites know much of, and that broadcast."""
        values = [value for value in self.made if value.dtype is DType.FLOAT64]
        if not values:
            return
        x = self.random.choice(values)
        fitting = [value for value in values if _broadcast(x, value)]
        y = self.random.choice(fitting)
        made = [
            lambda: self.random.choice([Add, Subtract, Multiply, Maximum]).of(*self.random.sample([x, y], 2)),
            lambda: self.random.choice([Negative, Barrier, StopGradient, Tanh]).of(x),
            lambda: Where.of(Greater.of(x, y), y, x),
            lambda: PermuteDims.of(x, axes=self.random.sample(range(x.rank), x.rank)),
            lambda: Sum.of(x, axis=sorted(self.random.sample(range(x.rank), min(x.rank, 1))), keepdims=True),
            lambda: BroadcastTo.of(x, shape=(self.random.choice([1, 2]), *x.shape)) if x.rank < 6 else x,
            lambda: Reshape.of(x, shape=(*x.shape[:1], 1, *x.shape[1:])) if x.rank < 6 else x,
            lambda: self.random.choice([x * 1.0, x + 0.0, x * 2.0, x / 4.0, Negative.of(-x)]),
            lambda: Divide.of(x, Tanh.of(y) + 3.0),
        ]
        self.made.append(self.random.choice(made)())

    def finished(self) -> RandomDocument:
        """The document, some of its values as outputs."""
        numbers = [value for value in self.made if value.dtype is not DType.BOOL]
        loss = self.editor.full((), 0.0, DType.FLOAT64)
        for value in numbers[-6:]:
            loss = loss + self._summary(value)
        for parameter in self.parameters:
            loss = loss + self._summary(parameter)
        self.editor.add_output(Output(name="loss", value=loss.id))
        for number, value in enumerate(self.random.sample(self.made, min(3, len(self.made)))):
            role = MetricRole() if not value.rank and value.dtype.is_floating else None
            self.editor.add_output(Output(name=f"y{number}", value=value.id, role=role))
        for parameter in self.parameters[:1]:
            updated = parameter * parameter.scalar(0.5)
            self.editor.add_output(Output(name="updated", value=updated.id, role=StateUpdateRole(of=parameter.id)))
        document = self.editor.document("random")
        used = {symbol for item in document.inputs for dim in item.shape for symbol in symbols_of(dim)}
        return RandomDocument(document, self.values, {name: self.sizes[name] for name in sorted(used)})


def _dims(shape: tuple[object, ...]) -> tuple[Dim, ...]:
    return tuple(map(dim_from_json, shape))


def _broadcast(x: Value, y: Value) -> bool:
    try:
        broadcast_shapes([x.shape, y.shape])
    except RuleError:
        return False
    return True
