import math

import numpy as np
import pytest

from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import IndexOutOfRangeError
from asg_executor.plan.plan import Plan
from asg_executor.plan.simplification import attribute_key
from asg_schema.document import Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.comparison import IsNan
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import Constant, Full, Iota
from asg_schema.ops.elementwise import Add, Divide, Multiply
from asg_schema.ops.elementwise_functions import Exp, Sin
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import BroadcastTo, Pad, PermuteDims, Reshape
from asg_schema.ops.reduction import Sum


def editor_with_x(*shape: int) -> tuple[Editor, Value]:
    editor = Editor()
    return editor, editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=shape))


def plan(editor: Editor, *values: Value) -> Plan:
    for index, value in enumerate(values):
        editor.add_output(Output(name=f"y{index}", value=value.id))
    return NumpyEngine().plan(editor.document(), {})


def names(plan: Plan) -> list[str]:
    return [instruction.op.name for stage in plan.stages for instruction in stage.instructions]


def test_what_no_output_needs_is_not_computed() -> None:
    editor, x = editor_with_x(3)
    Exp.of(x)
    assert names(plan(editor, Sin.of(x))) == ["sin"]


def test_the_same_op_on_the_same_operands_is_computed_once() -> None:
    editor, x = editor_with_x(3)
    assert names(plan(editor, Exp.of(x) + Exp.of(x))) == ["exp", "add"]


def test_duplicates_are_found_through_views() -> None:
    """A key transposed twice, and one transposed at once, are the same operand."""
    editor, x = editor_with_x(2, 3, 4, 4)
    twice = PermuteDims.of(PermuteDims.of(x, axes=(0, 2, 1, 3)), axes=(0, 1, 3, 2))
    once = PermuteDims.of(x, axes=(0, 2, 3, 1))
    query = PermuteDims.of(x, axes=(0, 2, 1, 3))
    assert names(plan(editor, Matmul.of(query, twice), Matmul.of(query, once))) == ["matmul"]


def test_another_attribute_is_another_computation() -> None:
    editor, x = editor_with_x(3, 3)
    assert names(plan(editor, Sum.of(x, axis=(0,)), Sum.of(x, axis=(1,)), Sum.of(x, axis=(0,)))) == ["sum", "sum"]


def test_what_stands_behind_a_barrier_is_computed_again() -> None:
    editor, x = editor_with_x(3)
    values = [Exp.of(x), Exp.of(Barrier.of(x)), Exp.of(Barrier.of(x)), Exp.of(Reshape.of(Barrier.of(x), shape=(3, 1)))]
    assert names(plan(editor, *values)) == ["exp"] * 4


def test_two_views_of_one_barrier_are_the_same() -> None:
    editor, x = editor_with_x(3)
    wall = Barrier.of(x)
    assert names(plan(editor, Exp.of(wall), Exp.of(wall))) == ["exp"]


def test_arithmetic_on_constants_is_done_beforehand() -> None:
    editor, x = editor_with_x(2, 3)
    scale = Exp.of(editor.full((), 0.0, DType.FLOAT32) + 1.0)
    shown = plan(editor, x * BroadcastTo.of(scale, shape=(2, 3)))
    assert names(shown) == ["multiply"]
    (constant,) = shown.program.constants.values()
    np.testing.assert_allclose(constant, np.full((2, 3), math.e), rtol=1e-6)
    assert shown.constant_bytes == 4, "a repeated element is stored once"


def test_a_large_full_costs_one_element_and_no_step() -> None:
    editor, x = editor_with_x(1000, 1000)
    shown = plan(editor, x + editor.full((1000, 1000), 2.0, DType.FLOAT32) * 3.0)
    assert names(shown) == ["add"]
    assert shown.constant_bytes == 4


def test_a_large_iota_is_computed_when_it_runs() -> None:
    editor = Editor()
    (large,) = editor.emit(Iota, (), {"dtype": DType.INT32, "shape": (100_000,)})
    assert names(plan(editor, large)) == ["iota"]


def test_a_constant_that_breaks_a_rule_for_data_is_an_error_of_compilation() -> None:
    editor, _ = editor_with_x(3)
    (table,) = editor.emit(Iota, (), {"dtype": DType.FLOAT32, "shape": (3,)})
    (indices,) = editor.emit(Constant, (), {"dtype": DType.INT64, "shape": (1,), "value": (3,)}, "indices")
    (taken,) = editor.emit(Take, (table, indices), {"axis": 0}, "lookup")
    with pytest.raises(IndexOutOfRangeError, match='node "lookup"'):
        plan(editor, taken)


def test_zeros_of_either_sign_stay_apart_and_nans_are_one() -> None:
    editor, x = editor_with_x()
    plus, minus = (editor.full((), value, DType.FLOAT32) for value in (0.0, -0.0))
    nans = [Add.of(x, editor.full((), math.nan, DType.FLOAT32)) for _ in range(2)]
    editor.add_output(Output(name="a", value=Divide.of(x, plus).id))
    editor.add_output(Output(name="b", value=Divide.of(x, minus).id))
    editor.add_output(Output(name="c", value=IsNan.of(Multiply.of(*nans)).id))
    executable = NumpyEngine().compile(editor.document(), {})
    results = executable({"x": np.ones((), np.float32)})
    assert (results["a"], results["b"], results["c"]) == (np.inf, -np.inf, True)
    assert names(executable.plan).count("add") == 1


def test_attributes_that_python_calls_equal_are_told_apart() -> None:
    def pad(value: float) -> Pad:
        return Pad(id="p", inputs=("x",), low=(0,), high=(0,), value=value)

    def full(value: float | bool, dtype: DType) -> Full:
        return Full(id="f", dtype=dtype, shape=(), value=value)

    assert attribute_key(pad(0.0)) != attribute_key(pad(-0.0))
    assert attribute_key(pad(math.nan)) == attribute_key(pad(math.nan))
    assert attribute_key(full(1, DType.INT32)) != attribute_key(full(True, DType.BOOL))


def test_arithmetic_on_constants_beforehand_has_an_end() -> None:
    """A document of many reductions of large constants would otherwise keep its compilation busy."""
    editor = Editor()
    (line,) = editor.emit(Iota, (), {"dtype": DType.FLOAT32, "shape": (65_536,)})
    values = [Sum.of(line * float(index)) for index in range(100)]
    computed = names(plan(editor, *values))
    assert 0 < computed.count("sum") < 100
