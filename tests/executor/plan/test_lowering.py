import numpy as np
import pytest

from asg_executor import run
from asg_executor.errors import SymbolError, UnsupportedOpError
from asg_executor.kernels.table import KERNELS
from asg_executor.plan.lowering import lower
from asg_schema.composite import Composite
from asg_schema.document import Document
from asg_schema.op_table import OPS


def document(*nodes: dict[str, object], shape: tuple[object, ...] = ("n", 3)) -> Document:
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float32", "shape": list(shape)}],
            "nodes": list(nodes),
            "outputs": [{"name": "y", "value": nodes[-1]["id"]}],
        }
    )


def test_symbols_are_replaced_everywhere() -> None:
    program = lower(
        document({"id": "r", "op": "reshape", "inputs": ["x"], "shape": [{"mul": ["n", 3]}]}), {"n": 4}, OPS.values()
    )
    (instruction,) = program.instructions
    assert str(program.types["x"]) == "float32[4, 3]"
    assert str(program.types["r"]) == "float32[12]"
    assert instruction.op.attribute_json() == {"shape": [12]}


def test_composites_are_expanded_down_to_what_has_a_kernel_and_know_where_they_come_from() -> None:
    graph = document(
        {"id": "block.logits", "op": "log_softmax", "inputs": ["x"]},
        {"id": "block.logits.sum", "op": "gelu", "inputs": ["block.logits"]},
    )
    program = lower(graph, {"n": 2}, KERNELS)
    assert not any(isinstance(item.op, Composite) for item in program.instructions if type(item.op) not in KERNELS)
    assert {item.origin.id for item in program.instructions} == {"block.logits", "block.logits.sum"}
    made = [name for item in program.instructions for name in item.results]
    assert len(made) == len(set(made)), "an expansion took the id of a node of the document"


def test_a_composite_with_a_kernel_stays() -> None:
    program = lower(document({"id": "s", "op": "softmax", "inputs": ["x"]}), {"n": 2}, {OPS["softmax"]})
    assert [item.op.name for item in program.instructions] == ["softmax"]


def test_an_op_without_kernel_or_expansion_is_named() -> None:
    with pytest.raises(UnsupportedOpError, match=r'node "e".* exp'):
        lower(document({"id": "e", "op": "exp", "inputs": ["x"]}), {"n": 2}, ())


@pytest.mark.parametrize(
    ("node", "n", "said"),
    [
        (
            {"id": "s", "op": "slice", "inputs": ["x"], "start": [4, 0], "stop": ["n", 3]},
            2,
            ['with n = 2: node "s" (slice)', "from 4 to 2"],
        ),
        ({"id": "r", "op": "max", "inputs": ["x"]}, 0, ['with n = 0: node "r" (max)', "no element along axis 0"]),
        (
            {"id": "p", "op": "pad", "inputs": ["x"], "low": [1, 0], "high": [0, 0], "interior": [1, 0]},
            0,
            ['node "p" (pad)', "with n = 0", "its result is float32[1, 3], not float32[0, 3]"],
        ),
        (
            {"id": "f", "op": "full", "dtype": "float32", "shape": [{"floordiv": [12, "n"]}], "value": 1.0},
            0,
            ['node "f" (full)', "divides by zero"],
        ),
    ],
)
def test_a_rule_that_does_not_hold_for_these_symbols_names_node_and_values(
    node: dict[str, object], n: int, said: list[str]
) -> None:
    with pytest.raises(SymbolError) as error:
        run(document(node), {"x": np.zeros((n, 3), np.float32)})
    for part in said:
        assert part in str(error.value)


def test_a_symbol_without_a_value_is_named() -> None:
    graph = document({"id": "e", "op": "exp", "inputs": ["x"]})
    with pytest.raises(SymbolError, match=r'"x" float32\[n, 3\]: no input determines the symbol "n"'):
        lower(graph, {}, KERNELS)
