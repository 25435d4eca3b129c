"""What lives at one time is counted: values, not their takeovers or what a fused kernel keeps to itself."""

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.plan.liveness import live_bytes
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.elementwise import Add
from asg_schema.ops.elementwise_functions import Exp

SIDE = 32
MATRIX = SIDE * SIDE * 4


def chain(*, kept: bool) -> Document:
    """exp(x) @ exp(x), and its product with x if x is to be kept until then."""
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(SIDE, SIDE)))
    grown: Value = Exp.of(x)
    result = Matmul.of(grown, grown)
    if kept:
        result = Add.of(result, x)
    editor.add_output(Output(name="y", value=result.id))
    return editor.document()


def test_a_value_computed_over_a_dying_one_counts_once() -> None:
    plan = NumpyEngine().plan(chain(kept=False), {})
    assert live_bytes(plan) == 2 * MATRIX == plan.arena_bytes


def test_a_value_that_is_read_later_lives_until_then() -> None:
    plan = NumpyEngine().plan(chain(kept=True), {})
    assert live_bytes(plan) == 3 * MATRIX == plan.arena_bytes


def test_nothing_lives_where_all_is_known_beforehand() -> None:
    editor = Editor()
    editor.add_output(Output(name="y", value=editor.full((SIDE,), 2.0, DType.FLOAT32).id))
    assert live_bytes(NumpyEngine().plan(editor.document(), {})) == 0
