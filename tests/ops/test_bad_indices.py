"""An index outside its axis is an error that names the node, the index and the axis; nothing is clamped or dropped."""

from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_executor.engines.lookup import engine_names
from asg_executor.errors import IndexOutOfRangeError
from asg_schema.composites.reduction_losses import CrossEntropy, Nll
from asg_schema.op import Op
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from op_samples.sample import Array, Sample, sample_document, sample_inputs, spread

_X = spread(3, 2)


def _case(op: type[Op], index: int, *, dtype: type[np.generic] = np.int64, **attributes: Any) -> Sample:
    indices = np.array([0, index], dtype)
    along = np.stack([indices, indices], axis=1)
    operands: dict[type[Op], tuple[Array, ...]] = {
        Take: (_X, indices),
        IndexAdd: (_X, indices, spread(2, 2)),
        TakeAlongAxis: (_X, along),
        ScatterAddAlongAxis: (_X, along, spread(2, 2)),
        CrossEntropy: (_X, indices),
        Nll: (_X, indices),
    }
    return Sample(f"{op.name}.{index}", op, operands[op], attributes, lambda: np.zeros(()))


CASES = [
    _case(op, index, dtype=dtype, axis=0)
    for op in (Take, IndexAdd, TakeAlongAxis, ScatterAddAlongAxis, CrossEntropy, Nll)
    for index, dtype in ((3, np.int64), (-4, np.int64), (2**40, np.int64), (3, np.int32))
]
# A class is not counted from the end.
CASES.extend(
    case
    for op in (CrossEntropy, Nll)
    for case in (
        _case(op, -1, axis=0),
        _case(op, -1, dtype=np.int32, axis=0),
        # Nor is another than the ignored one let through.
        _case(op, -1, axis=0, ignore_index=-100),
        _case(op, 3, axis=0, ignore_index=-1),
    )
)


@pytest.mark.parametrize("engine", engine_names())
@pytest.mark.parametrize("sample", CASES, ids=lambda sample: f"{sample.id}.{sample.operands[1].dtype}")
def test_index_outside_the_axis(sample: Sample, engine: str) -> None:
    index = int(sample.operands[1].reshape(-1)[-1])
    with pytest.raises(IndexOutOfRangeError) as caught:
        asg_executor.run(sample_document(sample), sample_inputs(sample), engine=engine)
    assert caught.value.node == "result"
    shown, least = f"index {index}", -3
    if sample.op in (CrossEntropy, Nll):
        # A part of the expansion finds the index; the expansion moves what is below 0 to the size of the axis.
        shown, least = "a negative index, or 3," if index < 0 or index == 3 else shown, 0
    assert str(caught.value).startswith(f'node "result" ({sample.op.name}): {shown} at ')
    assert str(caught.value).endswith(f"is out of range for axis 0 of size 3; an index from {least} to 2 is needed")


@pytest.mark.parametrize("sample", CASES, ids=lambda sample: f"{sample.id}.{sample.operands[1].dtype}")
def test_gradient_with_an_index_outside_the_axis(sample: Sample) -> None:
    wrt = "x2" if len(sample.operands) == 3 else "x0"
    document = vjp(sample_document(sample), ["y0"], [wrt])
    shape = sample_document(sample).types["result"].shape
    inputs = {**sample_inputs(sample), "cotangent.y0": np.ones([int(str(dim)) for dim in shape])}
    with pytest.raises(IndexOutOfRangeError):
        asg_executor.run(document, inputs, outputs=[f"grad.{wrt}"])


@pytest.mark.parametrize("op", [Take, IndexAdd, TakeAlongAxis, ScatterAddAlongAxis])
@pytest.mark.parametrize("index", [-3, 2])
def test_the_first_and_the_last_index_are_allowed(op: type[Op], index: int) -> None:
    sample = _case(op, index, axis=0)
    asg_executor.run(sample_document(sample), sample_inputs(sample))
