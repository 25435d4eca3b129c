"""Shapes of documents that tempt to a step for each pair of things: the work grows as the document does.

Work is counted as lines of Python that are run, which a busy machine does not change.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from asg_autograd import grad, jvp, prune, simplify, vjp
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.elementwise_functions import Sin
from asg_schema.ops.layout import BroadcastTo
from asg_schema.ops.reduction import Sum

if TYPE_CHECKING:
    from _typeshed import TraceFunction


def steps(work: Callable[[], object]) -> int:
    """How many lines of Python are run, those of a loop or a comprehension each time that it goes round."""
    count = 0

    def traced(frame: FrameType, event: str, argument: Any) -> "TraceFunction":
        nonlocal count
        count += 1
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def finished(editor: Editor, loss: Value) -> Document:
    editor.add_output(Output(name="loss", value=Sum.of(loss).id))
    return editor.document()


def source(editor: Editor, id: str = "x") -> Value:
    return editor.add_input(Input(id=id, dtype=DType.FLOAT32, shape=(4,)))


def fan_out(length: int) -> Document:
    """One operand of `length` nodes, so that it has as many cotangents to add."""
    editor = Editor()
    x = source(editor)
    total = x
    for _ in range(length):
        total = total + Sin.of(x)
    return finished(editor, total)


def broadcasts_of_broadcasts(length: int) -> Document:
    editor = Editor()
    broadcast = total = source(editor)
    for _ in range(length):
        broadcast = BroadcastTo.of(broadcast, shape=(4,))
        total = total * broadcast
    return finished(editor, total)


def wide_interface(length: int) -> Document:
    """As many inputs, parameters and outputs."""
    editor = Editor()
    total = source(editor)
    for index in range(length):
        parameter = editor.add_parameter(Parameter(id=f"w{index}", dtype=DType.FLOAT32, shape=(4,)))
        product = source(editor, f"x{index}") * parameter
        editor.add_output(Output(name=f"y{index}", value=product.id))
        total = total + product
    return finished(editor, total)


def long_ids(length: int) -> Document:
    editor = Editor()
    editor.scope = "s" * 200 + "."
    x = source(editor)
    value = x
    for _ in range(length):
        value = Sin.of(value) * x
    return finished(editor, value)


SHAPES: list[Callable[[int], Document]] = [fan_out, broadcasts_of_broadcasts, wide_interface, long_ids]
STAGES: dict[str, Callable[[Document], object]] = {
    "grad": lambda document: grad(document, wrt=["x"]),
    "vjp of all outputs": lambda document: vjp(document, [item.name for item in document.outputs], ["x"]),
    "grad by all": lambda document: grad(document, wrt=[item.id for item in (*document.inputs, *document.parameters)]),
    "jvp": lambda document: jvp(document, wrt=["x"]),
    "simplify": simplify,
    "prune": lambda document: prune(document, [item.name for item in document.outputs]),
    "read": lambda document: Document.from_json(document.to_json()),
    "digest": lambda document: document.model_copy().digest,
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_no_faster_than_the_document(shape: Callable[[int], Document], stage: str) -> None:
    short, long = shape(50), shape(200)
    STAGES[stage](shape(3))  # what is kept from the first use on
    assert steps(lambda: STAGES[stage](long)) < 5 * steps(lambda: STAGES[stage](short))
