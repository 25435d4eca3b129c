"""Random documents for property tests, and a plain evaluation of documents that plans nothing."""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import concrete_shape, numpy_dtype
from asg_executor.plan.constants import creation_value
from asg_executor.plan.lowering import lower
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.comparison import Greater
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Maximum,
    Multiply,
    Negative,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Tanh
from asg_schema.ops.indexing import IndexAdd, Take
from asg_schema.ops.layout import BroadcastTo, Concat, DynamicUpdateSlice, Flip, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import CumulativeSum, Max, Sum

Array: TypeAlias = npt.NDArray[Any]

__all__ = ["evaluate_plainly", "random_document", "random_inputs"]

_SHAPES = {
    "small": ((3, 4), (4,), (3, 1), (4, 3), (2, 3, 4), (1, 4), ()),
    # More elements than two tiles, so that pointwise chains are grouped.
    "large": ((260, 512), (512,), (260, 1), (512, 260), (2, 130, 512), (133120,), ()),
}

_MOST_ELEMENTS = 600_000


def random_document(random: Random, size: str, nodes: int) -> Document:
    """A document of about `nodes` random nodes over float64 arrays, with a few outputs, some of them views."""
    editor = Editor()
    values: list[Value] = []
    for index, shape in enumerate(_SHAPES[size]):
        values.append(editor.add_input(Input(id=f"x{index}", dtype=DType.FLOAT64, shape=shape)))
    index = editor.add_input(Input(id="index", dtype=DType.INT64, shape=(2,)))
    kinds = [_unary, _unary, _binary, _binary, _binary, _mirrored, _choice, _view, _view, _reduction, _matmul, _other]
    for _ in range(nodes):
        made = random.choice(kinds)(random, values, index)
        if made is not None:
            values.append(made)
    candidates = values[len(_SHAPES[size]) :] or values
    for number, value in enumerate(random.sample(candidates, min(4, len(candidates)))):
        editor.add_output(Output(name=f"y{number}", value=value.id))
    return editor.document()


def random_inputs(document: Document, seed: int) -> dict[str, Array]:
    """An array for each input."""
    generator = np.random.default_rng(seed)
    inputs: dict[str, Array] = {
        item.id: generator.normal(size=concrete_shape(item.type)) for item in document.inputs if item.id != "index"
    }
    return {**inputs, "index": generator.integers(-3, 3, 2)}


def evaluate_plainly(document: Document, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every node in document order, each result in an array of its own: no views, no reuse, nothing left out."""
    program = lower(document, {}, KERNELS)
    arrays = {name: np.array(array) for name, array in inputs.items()}
    for item in program.instructions:
        operands = [arrays[reference] for reference in item.operands]
        made = creation_value(item.op, tuple(program.types[reference] for reference in item.operands))
        if made is not None:
            arrays[item.results[0]] = np.array(made)
            continue
        results = [
            np.empty(concrete_shape(program.types[name]), numpy_dtype(program.types[name].dtype))
            for name in item.results
        ]
        KERNELS[type(item.op)](item.op, operands, results, Workspace())()
        arrays.update(zip(item.results, results, strict=True))
    return {name: arrays[reference] for name, reference in program.outputs.items()}


def _unary(random: Random, values: list[Value], index: Value) -> Value | None:
    op: Callable[..., Value] = random.choice([Negative.of, Abs.of, Tanh.of, Barrier.of])
    return op(random.choice(values))


def _pair(random: Random, values: list[Value]) -> tuple[Value, Value] | None:
    a = random.choice(values)
    fitting = [b for b in values if _broadcast(a, b)]
    return (a, random.choice(fitting)) if fitting else None


def _broadcast(a: Value, b: Value) -> bool:
    try:
        shape = np.broadcast_shapes(concrete_shape(a.type), concrete_shape(b.type))
    except ValueError:
        return False
    return math.prod(shape) < _MOST_ELEMENTS


def _binary(random: Random, values: list[Value], index: Value) -> Value | None:
    pair = _pair(random, values)
    if pair is None:
        return None
    op: Callable[..., Value] = random.choice([Add.of, Subtract.of, Multiply.of, Maximum.of])
    return Tanh.of(op(*pair))


def _mirrored(random: Random, values: list[Value], index: Value) -> Value | None:
    """A value against itself turned round, so that an element is read after its place could have been overwritten."""
    x = Tanh.of(random.choice(values))
    return Subtract.of(x, Flip.of(x)) if random.random() < 0.5 else Add.of(Flip.of(x), x)


def _choice(random: Random, values: list[Value], index: Value) -> Value | None:
    pair = _pair(random, values)
    if pair is None:
        return None
    chosen = Where.of(Greater.of(*pair), *pair)
    return Add.of(chosen, Astype.of(Greater.of(pair[1], pair[0]), dtype=DType.FLOAT64))


def _view(random: Random, values: list[Value], index: Value) -> Value | None:
    x = random.choice(values)
    shape = concrete_shape(x.type)
    kind = random.randrange(5)
    if kind == 0:
        return PermuteDims.of(x, axes=random.sample(range(x.rank), x.rank))
    if kind == 1:
        return Reshape.of(x, shape=random.choice([(int(np.prod(shape)),), (*shape[:1], 1, *shape[1:]), shape[::-1]]))
    if kind == 2 and x.rank:
        axes = random.sample(range(x.rank), random.randint(1, x.rank))
        return Flip.of(x, axis=axes)
    if kind == 3 and x.rank and np.prod(shape) < 200_000:
        return BroadcastTo.of(x, shape=(random.randint(1, 2), *shape))
    start = [random.randrange(size + 1) for size in shape]
    stop = [random.randint(a, size) for a, size in zip(start, shape, strict=True)]
    return Slice.of(x, start=start, stop=stop, step=[random.randint(1, 2) for _ in shape])


def _reduction(random: Random, values: list[Value], index: Value) -> Value | None:
    x = random.choice(values)
    axes = sorted(random.sample(range(x.rank), random.randint(0, x.rank)))
    if any(x.shape[axis] == 0 for axis in axes):
        return None
    op: Callable[..., Value] = random.choice([Sum.of, Max.of])
    return Tanh.of(op(x, axis=axes, keepdims=random.random() < 0.7))


def _matmul(random: Random, values: list[Value], index: Value) -> Value | None:
    a = random.choice([value for value in values if value.rank] or values)
    fitting = [b for b in values if 0 < b.rank <= 2 and a.rank and b.shape[-2 if b.rank > 1 else 0] == a.shape[-1]]
    fitting = [
        b
        for b in fitting
        if math.prod(concrete_shape(a.type)[:-1]) * math.prod(concrete_shape(b.type)[1:]) < _MOST_ELEMENTS
    ]
    return Tanh.of(Matmul.of(a, random.choice(fitting))) if fitting else None


def _other(random: Random, values: list[Value], index: Value) -> Value | None:
    x = random.choice([value for value in values if value.rank] or values)
    if not x.rank:
        return None
    kind = random.randrange(4)
    if kind == 0:
        return Tanh.of(CumulativeSum.of(x, axis=random.randrange(x.rank)))
    if kind == 1:
        return Concat.of(x, x, axis=random.randrange(x.rank)) if np.prod(concrete_shape(x.type)) < 200_000 else None
    if kind == 2 and int(str(x.shape[0])) >= 3:
        return IndexAdd.of(x, index, Take.of(x, index, axis=0), axis=0)
    starts = x.editor.full((x.rank,), 0, DType.INT64)
    update = Slice.of(x, start=[0] * x.rank, stop=[min(1, int(str(size))) for size in x.shape])
    return DynamicUpdateSlice.of(x, Negative.of(update), starts)
