"""What `asg_schema` offers, and how its modules and tables are declared."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asg_schema
from asg_schema import OPS, DType, Op, Operand, OpTable, TensorType, infer_node
from asg_schema.op import DTypeGroup
from asg_schema.ops.elementwise import Add
from asg_schema.ops.reduction import Sum

FOLDER = Path(asg_schema.__file__).parent
ROOT = FOLDER.parents[1]
MODULES = sorted(".".join(path.relative_to(FOLDER.parent).with_suffix("").parts) for path in FOLDER.rglob("[a-z]*.py"))

PUBLIC = """
AsgError Composite DType DTypeGroup Dim DimError Document DocumentError Editor FORMAT_VERSION Function Input OPS Op
OpTable Operand Output Parameter Problem RuleError SymbolicDim TensorType Value bind_dim dependents dim_from_json
dim_to_json infer_node initializers live_nodes prune roles symbol
"""


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(asg_schema.__all__) == sorted(PUBLIC.split())
    for name in asg_schema.__all__:
        assert getattr(asg_schema, name) is not None


@pytest.mark.parametrize("module", MODULES)
def test_a_modules_public_names_are_those_that_it_defines(module: str) -> None:
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    tree = ast.parse(Path(str(loaded.__file__)).read_text(encoding="utf-8"))
    defined: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update(target.id for target in targets if isinstance(target, ast.Name))
    listed: list[str] = loaded.__all__
    assert len(set(listed)) == len(listed)
    assert all(hasattr(loaded, name) for name in listed)
    public_classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"}
    assert public_classes <= set(listed)
    # A document and its parts are found in one place, and so are the two kinds of dim; what any op is, is computed.
    if module not in ("asg_schema.any_op", "asg_schema.document", "asg_schema.dims"):
        assert set(listed) <= defined


def test_the_table_of_ops_is_complete_and_in_order() -> None:
    assert list(OPS) == sorted(OPS)
    assert all(op.name == name and op.__doc__ for name, op in OPS.items())
    families = {op.family() for op in OPS.values()}
    named = "comparison contraction control creation elementwise indexing layout linalg random reduction window"
    assert families == set(named.split())


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_every_attribute_is_described(op: type[Op]) -> None:
    for name in op.attributes:
        description = op.model_fields[name].description
        assert description, f"{op.name}.{name}"
        assert description.endswith(".")


def test_an_op_that_is_declared_incompletely_is_refused() -> None:
    def declare(**body: Any) -> None:
        annotations = {"op": str}
        type("Odd", (Op,), {"__annotations__": annotations, "__module__": __name__, "op": "odd", **body})

    with pytest.raises(TypeError, match="op 'odd': Odd has no docstring"):
        declare(__doc__="")
    variadic = (Operand("a", variadic=True), Operand("b"))
    with pytest.raises(TypeError, match="op 'odd': only the last operand may be variadic"):
        declare(__doc__="Odd.", operands=variadic)
    with pytest.raises(TypeError, match="op 'sum' is declared twice: Sum and Odd"):
        declare(__doc__="Odd.", op="sum")
    assert "odd" not in OPS
    with pytest.raises(TypeError, match="Op is not an op that can be applied"):
        Op(id="x").infer([])


def test_a_facet_table_refuses_a_second_entry() -> None:
    table: OpTable[[int], int] = OpTable("count")

    @table.define(Sum)
    def count(op: Sum, more: int) -> int:
        return len(op.inputs) + more

    assert table[Sum](Sum(id="s", inputs=("x",)), 2) == 3
    assert list(table) == [Sum]
    assert len(table) == 1
    assert Add not in table
    with pytest.raises(TypeError, match=r"Sum already has a count: .*count"):
        table.define(Sum)(count)


TYPED = """
from typing_extensions import assert_type

from asg_schema import Editor, OpTable, Value
from asg_schema.ops.elementwise import Add
from asg_schema.ops.reduction import Sum

rules: OpTable[[int], float] = OpTable("rule")


@rules.define(Sum)
def right(op: Sum, count: int) -> float:
    return float(op.keepdims) + count


@rules.define(Add)  # refused: a function for another op
def other_op(op: Sum, count: int) -> float:
    return 0.0


@rules.define(Add)  # refused: a parameter is missing
def other_parameters(op: Add) -> float:
    return 0.0


@rules.define(Add)  # refused: another result
def other_result(op: Add, count: int) -> str:
    return ""


class Tensor(Value):
    pass


def handles(editor: Editor[Tensor], x: Tensor, op: Sum) -> None:
    assert_type(Add.of(x, x), Tensor)
    assert_type(x + 1, Tensor)
    assert_type(editor.value("x"), Tensor)
    assert_type(op.axis, tuple[int, ...] | None)
"""


def test_a_type_checker_refuses_an_entry_of_another_op(tmp_path: Path) -> None:
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(FOLDER.parent)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    places = [line.split(":")[1] for line in done.stdout.splitlines() if " - error: " in line]
    refused = [str(number) for number, line in enumerate(TYPED.splitlines(), 1) if "# refused" in line]
    assert places == refused, done.stdout


def test_dtypes() -> None:
    assert [dtype.value for dtype in DType if dtype.is_floating] == ["float16", "bfloat16", "float32", "float64"]
    assert [dtype.itemsize for dtype in DType] == [2, 2, 4, 8, 1, 4, 8, 1, 4, 1]
    assert DType.INT8.integer_range == (-128, 127)
    assert DType.UINT32.integer_range == (0, 2**32 - 1)
    assert [dtype for dtype in DType if dtype.is_unsigned] == [DType.UINT8, DType.UINT32]
    with pytest.raises(ValueError, match="bool is not an integer dtype"):
        _ = DType.BOOL.integer_range
    with pytest.raises(ValueError, match="int8 is not a floating-point dtype"):
        _ = DType.INT8.overflow


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype.is_floating])
def test_overflow_is_the_least_magnitude_that_becomes_infinite(dtype: DType) -> None:
    import ml_dtypes
    import numpy as np

    kind = np.dtype(ml_dtypes.bfloat16 if dtype is DType.BFLOAT16 else dtype.value)
    if dtype is DType.FLOAT64:
        with pytest.raises(OverflowError):
            float(dtype.overflow)
        assert float(dtype.overflow - 1) == np.finfo(np.float64).max
        return
    # ml_dtypes rounds a float64 to float32 first, so that the number just below bfloat16's limit is to be one of these.
    wide = np.float32 if dtype is DType.BFLOAT16 else np.float64
    with np.errstate(over="ignore"):
        assert np.isinf(wide(dtype.overflow).astype(kind))
        assert not np.isinf(np.nextafter(wide(dtype.overflow), wide(0)).astype(kind))


def test_the_smallest_normal_numbers() -> None:
    assert [dtype.smallest_normal for dtype in DType if dtype.is_floating] == [2**-14, 2**-126, 2**-126, 2**-1022]
    with pytest.raises(ValueError, match="int8 is not a floating-point dtype"):
        _ = DType.INT8.smallest_normal


def test_a_group_of_dtypes_says_what_it_is() -> None:
    assert [group.description for group in DTypeGroup] == [
        *("any dtype", "a number", "a floating-point dtype", "int32 or int64 or int8 or uint32 or uint8"),
        *("int32 or int64", "uint32", "bool"),
    ]


def test_infer_node() -> None:
    x = TensorType(DType.FLOAT32, (2, 3))
    assert infer_node(Sum(id="s", inputs=("x",), axis=(1,)), [x]) == (TensorType(DType.FLOAT32, (2,)),)
    assert (str(x), x.rank, x.size) == ("float32[2, 3]", 2, 6)
