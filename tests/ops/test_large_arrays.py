"""Element-wise chains over arrays so large that an engine may work through them in parts, of uneven length."""

import numpy as np
import pytest

import asg_executor
from asg_executor.engines.lookup import engine_names
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.ops.comparison import LogicalOr
from asg_schema.ops.elementwise import Maximum
from op_samples import ALL_SAMPLES
from op_samples.comparing import assert_matches_reference
from op_samples.each_sample import for_each_sample
from op_samples.sample import Array, Sample, dtype_of, sample_inputs

_ROWS, _COLUMNS = 7, 10_007

NOT_ELEMENT_BY_ELEMENT = ("glu", "prelu")

SAMPLES = [
    sample
    for sample in ALL_SAMPLES
    if sample.op.family() in ("elementwise", "comparison") and sample.op.name not in NOT_ELEMENT_BY_ELEMENT
    if all(operand.size for operand in sample.operands)
]


def enlarged(sample: Sample) -> tuple[list[Array], Array]:
    """The operands repeated to a large matrix, and the reference's elements repeated alike."""
    together = np.broadcast_arrays(*sample.operands, *sample.expected())
    *operands, expected = (np.resize(array, (_ROWS, _COLUMNS)) for array in together)
    return operands, expected


def chain(sample: Sample, operands: list[Array]) -> Document:
    """The op, and another behind it that changes nothing, so that there is something to work through together."""
    editor = Editor()
    values = [
        editor.add_input(Input(id=f"x{index}", dtype=dtype_of(operand), shape=operand.shape))
        for index, operand in enumerate(operands)
    ]
    result = editor.emit(sample.op, values, dict(sample.attributes))[0]
    again = (LogicalOr if result.dtype is DType.BOOL else Maximum).of(result, result)
    for name, value in (("y0", result), ("y1", again)):
        editor.add_output(Output(name=name, value=value.id))
    return editor.document(sample.id)


@pytest.mark.parametrize("engine", engine_names())
@for_each_sample(SAMPLES)
def test_chain(sample: Sample, engine: str) -> None:
    operands, expected = enlarged(sample)

    def reference(*_: Array) -> Array:
        return expected

    large = Sample(sample.id, sample.op, tuple(operands), sample.attributes, reference)
    results = asg_executor.run(chain(sample, operands), sample_inputs(large), engine=engine)
    for name in ("y0", "y1"):
        assert_matches_reference((results[name],), large)
