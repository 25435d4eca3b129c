"""Every op where planning may do most to it: amid others, in place, on strided views, over what it reads."""

from collections.abc import Callable, Sequence

import numpy as np

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.layout import Pad, PermuteDims
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.sample import Array, Sample, dtype_of, sample_document, sample_inputs

SAMPLES = [
    *ALL_SAMPLES,
    *(
        narrow
        for sample in ALL_SAMPLES
        for dtype in (DType.FLOAT32, DType.BFLOAT16)
        if (narrow := sample.in_dtype(dtype)) is not None
    ),
]
every_sample = for_each_sample(SAMPLES)


def program(sample: Sample, prepare: Callable[[Value], Value], shapes: Sequence[tuple[int, ...]]) -> Document:
    """The op on what `prepare` makes of inputs of these shapes."""
    editor = Editor()
    inputs = [
        editor.add_input(Input(id=f"x{index}", dtype=dtype_of(operand), shape=shape))
        for index, (operand, shape) in enumerate(zip(sample.operands, shapes, strict=True))
    ]
    operands = [prepare(value) for value in inputs]
    for index, result in enumerate(editor.emit(sample.op, operands, dict(sample.attributes), id="result")):
        editor.add_output(Output(name=f"y{index}", value=computed(result).id))
    return editor.document()


def computed(x: Value) -> Value:
    """A copy of x, which planning takes for a result like any other."""
    return Pad.of(x, low=(0,) * x.rank, high=(0,) * x.rank)


def turned(x: Value) -> Value:
    """A copy of x, seen with its axes in reverse order."""
    return PermuteDims.of(computed(x), axes=tuple(reversed(range(x.rank))))


def in_order(results: dict[str, Array]) -> tuple[Array, ...]:
    return tuple(results[f"y{index}"] for index in range(len(results)))


@every_sample
def test_operands_that_die_and_operands_with_turned_axes(sample: Sample) -> None:
    operands = sample_inputs(sample)
    for prepare, given in ((computed, operands), (turned, {name: array.T for name, array in operands.items()})):
        executable = NumpyEngine().compile(program(sample, prepare, [array.shape for array in given.values()]), {})
        for _ in range(2):  # a call leaves nothing behind that the next one would see
            assert_matches_reference(in_order(executable(given)), sample)
        for name, array in sample_inputs(sample).items():
            assert operands[name].tobytes() == array.tobytes()


@every_sample
def test_results_over_the_memory_of_operands(sample: Sample) -> None:
    bound = {name: np.array(array) for name, array in sample_inputs(sample).items()}
    free = dict(bound)
    destinations: dict[str, Array] = {}
    for index, wanted in enumerate(sample.expected()):
        fitting = [name for name, array in free.items() if (array.shape, array.dtype) == (wanted.shape, wanted.dtype)]
        destinations[f"y{index}"] = free.pop(fitting[-1]) if fitting else np.empty_like(wanted)
    executable = NumpyEngine().compile(sample_document(sample), {}, bound=bound, destinations=destinations)
    assert executable({}) == {}
    assert_matches_reference(in_order(destinations), sample)
    for name, array in free.items():
        assert array.tobytes() == sample_inputs(sample)[name].tobytes()
