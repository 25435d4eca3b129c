"""What stands behind a barrier is computed there, and not beside what stands before it."""

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise_functions import Exp, Sin
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum

SIZE = 1024
LARGE = SIZE * SIZE * 4


def twice(rounds: int) -> Document:
    """Several large exponentials, each added up at once, and then each computed again behind a barrier."""
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(SIZE, SIZE)))
    first = [Sin.of(x)]
    for _ in range(rounds):
        first.append(Sin.of(Exp.of(first[-1])))
    total = x @ x
    for value in reversed(first):
        again = Exp.of(Reshape.of(Barrier.of(value), shape=(SIZE, SIZE)))
        total = (total @ total) * again
    editor.add_output(Output(name="total", value=Sum.of(total).id))
    return editor.document()


def test_what_is_computed_again_behind_a_barrier_joins_no_stage_before_it() -> None:
    rounds = 6
    plan = NumpyEngine().plan(twice(rounds), {})
    stage_of = {item.op.id: number for number, stage in enumerate(plan.stages) for item in stage.instructions}
    products = [number for id, number in stage_of.items() if id.startswith("matmul")]
    again = sorted(number for id, number in stage_of.items() if id.startswith("exp"))[-rounds - 1 :]
    assert min(again) > min(products)
    # What is held: the sines, a product with its two operands, and what is computed again; not all of that.
    assert plan.arena_bytes < (rounds + 6) * LARGE
