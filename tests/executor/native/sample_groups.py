"""The samples of all ops in each dtype, many of them in a document, so that there are fewer kernels to compile."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from asg_executor.engines.engine import Engine
from asg_executor.engines.native import kernel_table, native_engine
from asg_schema.composites.control import Call
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.layout import Pad, PermuteDims
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.sample import Array, Sample, dtype_of

_TOGETHER = 40
FLAT_SAMPLES = [sample for sample in ALL_SAMPLES if not issubclass(sample.op, Call)]  # their functions have one name
SAMPLES = [
    *FLAT_SAMPLES,
    *(
        narrow
        for dtype in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16)
        for sample in FLAT_SAMPLES
        if (narrow := sample.in_dtype(dtype)) is not None
    ),
]
GROUPS = [SAMPLES[begin : begin + _TOGETHER] for begin in range(0, len(SAMPLES), _TOGETHER)]
SINGLE_PRECISION = [group for group in GROUPS if group[-1].operands and group[-1].operands[0].dtype == np.float32]


def computed(x: Value) -> Value:
    """A copy of x that the engine takes for a result like any other."""
    return Pad.of(x, low=(0,) * x.rank, high=(0,) * x.rank)


def turned(x: Value) -> Value:
    """A copy of x, seen with its axes in reverse order."""
    return PermuteDims.of(computed(x), axes=tuple(reversed(range(x.rank))))


def as_it_is(x: Value) -> Value:
    return x


def program(samples: Sequence[Sample], prepare: Callable[[Value], Value], given: Sequence[Sequence[Array]]) -> Document:
    """Each sample's op on what `prepare` makes of inputs of these shapes."""
    editor = Editor()
    for number, (sample, arrays) in enumerate(zip(samples, given, strict=True)):
        operands = [
            prepare(editor.add_input(Input(id=f"x{number}.{index}", dtype=dtype_of(array), shape=array.shape)))
            for index, array in enumerate(arrays)
        ]
        for index, result in enumerate(editor.emit(sample.op, operands, dict(sample.attributes), id=f"result{number}")):
            editor.add_output(Output(name=f"y{number}.{index}", value=computed(result).id))
    return editor.document()


def check(
    engine: Engine, samples: Sequence[Sample], prepare: Callable[[Value], Value], given: Sequence[Sequence[Array]]
) -> None:
    """What an engine computes of samples is what their references say.

    Args:
        engine: the engine.
        samples: the samples.
        prepare: makes the operands of inputs.
        given: for each sample the inputs.
    """
    executable = engine.compile(program(samples, prepare, given), {})
    inputs = {f"x{number}.{index}": array for number, arrays in enumerate(given) for index, array in enumerate(arrays)}
    for _ in range(2):  # a call leaves nothing behind that the next one would see
        results = executable(inputs)
        for number, sample in enumerate(samples):
            count = sum(name.startswith(f"y{number}.") for name in results)
            assert_matches_reference(tuple(results[f"y{number}.{index}"] for index in range(count)), sample)


def check_as_they_are(engine: Engine, samples: Sequence[Sample]) -> None:
    check(engine, samples, as_it_is, [sample.operands for sample in samples])


def check_turned(engine: Engine, samples: Sequence[Sample]) -> None:
    """With operands whose axes are in reverse order."""
    check(engine, samples, turned, [[operand.T for operand in sample.operands] for sample in samples])


def divide_all(monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    """From now on divide every native kernel into so many parts, as far as it has units."""
    monkeypatch.setattr(native_engine, "default_threads", lambda: parts)
    monkeypatch.setattr(kernel_table, "_PART_WORK", 1)
