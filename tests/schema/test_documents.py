"""Random valid documents: round trips, and what changes the digest and what does not."""

import json
import random
from collections.abc import Callable
from typing import Any, Literal, cast, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asg_schema import Document, DType, Editor, Input, Op, Output, Parameter, Value, initializers, roles, symbol
from asg_schema.composites.elementwise import Clip
from asg_schema.function import LinkedFunction
from asg_schema.ops.comparison import Less
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.creation import Bytes, Constant, Full
from asg_schema.ops.elementwise import (
    Add,
    Astype,
    Maximum,
    Multiply,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Exp, Tanh
from asg_schema.ops.layout import Pad, PermuteDims, Reshape
from asg_schema.ops.reduction import CumulativeSum, Sum
from asg_schema.traversal import node_of
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, sample_document

N = symbol("n")

numbers = st.floats(width=32)
bounds = st.floats(width=32, allow_nan=False)
unary: list[Callable[[Any, Value], Value]] = [
    lambda draw, x: Exp.of(x),
    lambda draw, x: Tanh.of(x),
    lambda draw, x: x * draw(numbers),
    lambda draw, x: Clip.of(x, min=draw(st.none() | bounds), max=draw(bounds)),
    lambda draw, x: PermuteDims.of(x, axes=draw(st.permutations(range(x.rank)))),
    lambda draw, x: Reshape.of(x, shape=(x.type.size,)),
    lambda draw, x: Sum.of(x, axis=draw(st.none() | st.just(())), keepdims=draw(st.booleans())),
    lambda draw, x: CumulativeSum.of(x, axis=0, reverse=draw(st.booleans())) if x.rank else x,
    lambda draw, x: Pad.of(x, low=(1,) * x.rank, high=(N,) * x.rank, value=draw(numbers)),
    lambda draw, x: Astype.of(Astype.of(x, dtype=DType.INT32), dtype=x.dtype),
]
binary = (Add, Subtract, Multiply, Maximum)


@st.composite
def documents(draw: Any) -> Document:
    editor = Editor()
    values: list[Value] = [
        editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(N, 3))),
        editor.add_input(Input(id="key", dtype=DType.UINT32, shape=(2,), role=roles.RngKeyRole())),
        editor.add_parameter(
            Parameter(
                id="w",
                dtype=DType.FLOAT32,
                shape=(3, 3),
                init=draw(
                    st.sampled_from(
                        [
                            initializers.Zeros(),
                            initializers.Constant(value=float("-inf")),
                            initializers.Uniform(low=-0.5),
                            initializers.KaimingNormal(mode="fan_out", nonlinearity="tanh"),
                        ]
                    )
                ),
                trainable=draw(st.booleans()),
            )
        ),
    ]
    values.pop(1)
    for _ in range(draw(st.integers(0, 8))):
        x = draw(st.sampled_from(values))
        if draw(st.booleans()):
            values.append(draw(st.sampled_from(unary))(draw, x))
        else:
            same = [value for value in values if value.shape == x.shape]
            other = draw(st.sampled_from(same))
            values.append(draw(st.sampled_from(binary)).of(x, other))
            if draw(st.booleans()):
                values.append(Where.of(Less.of(x, other), x, values[-1]))
    values.append(Matmul.of(values[0], values[1]))
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique_by=lambda value: value.id))
    for index, value in enumerate(chosen):
        editor.add_output(Output(name=f"out {index} ✓", value=value.id))
    return editor.document(draw(st.sampled_from(["graph", "ein Name", "名前"])))


@given(documents())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_document_reads_back_from_its_text(document: Document) -> None:
    text = document.to_json()
    again = Document.from_json(text)
    assert again.to_json() == text
    assert again.digest == document.digest
    assert again.types == document.types
    assert Document.from_json(text.encode()).to_json() == text
    assert Document.from_dict(again.to_dict()).to_json() == text


def renamed_and_reordered(document: Document, seed: int) -> Document:
    """The same program: other ids, nodes in another topological order, other names where they mean nothing."""
    source = json.loads(document.to_json())
    chance = random.Random(seed)
    ids = [node["id"] for node in source["nodes"]]
    fresh = dict(zip(ids, chance.sample([f"v{i}" for i in range(len(ids))], len(ids)), strict=True))

    def rename(reference: str) -> str:
        base = node_of(reference)
        return fresh.get(base, base) + reference[len(base) :]

    waiting: list[dict[str, Any]] = [
        {**node, "id": fresh[node["id"]], "inputs": [rename(item) for item in node.get("inputs", [])]}
        for node in source["nodes"]
    ]
    done: set[str] = {item["id"] for item in source["inputs"] + source["parameters"]}
    ordered: list[dict[str, Any]] = []
    while waiting:
        node = chance.choice([node for node in waiting if done.issuperset(map(node_of, node["inputs"]))])
        waiting.remove(node)
        ordered.append({**node, "metadata": {"source": "line 3"}})
        done.add(node["id"])
    outputs = [{**output, "value": rename(output["value"])} for output in source["outputs"]]
    chance.shuffle(outputs)
    chance.shuffle(source["inputs"])
    changed = {**source, "name": "other", "nodes": ordered, "outputs": outputs, "metadata": {"by": "someone"}}
    return Document.from_dict(changed)


@given(documents(), st.integers(0, 1000))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_renaming_and_reordering_keep_the_digest(document: Document, seed: int) -> None:
    assert renamed_and_reordered(document, seed).digest == document.digest


def samples_with_attributes() -> list[Any]:
    """For every attribute of every op a sample whose other attributes allow it to be changed."""
    found: dict[tuple[str, str], Sample] = {}
    for sample in ALL_SAMPLES:
        for attribute in sample.op.attributes:
            found.setdefault((sample.op.name, attribute), sample)
    return [pytest.param(sample, attribute, id=f"{op}.{attribute}") for (op, attribute), sample in found.items()]


def changed_value(value: Any, annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return next(choice for choice in get_args(annotation) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, LinkedFunction):
        return LinkedFunction(value.name, value.inputs, value.nodes, value.outputs, vjp=value)
    if isinstance(value, DType):
        return DType.BOOL if value is DType.INT8 else DType.INT8
    if isinstance(value, Bytes):
        return Bytes(base64="AAAA" + value.base64)
    if isinstance(value, int | float):
        return value + 1 if abs(value) < 2**40 else 0.5
    if isinstance(value, tuple):
        return (*cast("tuple[Any, ...]", value), 1)
    if isinstance(value, str):
        return value + "x"
    assert value is None
    return (0,) if "tuple" in str(annotation) else 0


@pytest.mark.parametrize(("sample", "attribute"), samples_with_attributes())
def test_any_attribute_of_any_op_changes_the_digest(sample: Sample, attribute: str) -> None:
    document = sample_document(sample)
    (node,) = document.nodes
    value = changed_value(getattr(node, attribute), type(node).model_fields[attribute].annotation)
    changed = node.model_copy(update={attribute: value})
    other = Document.model_construct(inputs=document.inputs, nodes=(changed,), outputs=document.outputs)
    assert getattr(changed, attribute) != getattr(node, attribute)
    assert other.digest != document.digest


def simple(**changes: Any) -> dict[str, Any]:
    source: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", 3]}, {"id": "k", "dtype": "uint32", "shape": [2]}],
        "parameters": [{"id": "w", "dtype": "float32", "shape": [3, 3], "init": {"kind": "uniform", "low": -1.0}}],
        "nodes": [
            {"id": "a", "op": "matmul", "inputs": ["x", "w"]},
            {"id": "b", "op": "subtract", "inputs": ["a", "x"]},
        ],
        "outputs": [{"name": "y", "value": "b"}, {"name": "z", "value": "a"}],
    }
    return {**source, **changes}


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("inputs", {"dtype": "float64"}),
        ("inputs", {"shape": ["m", 3]}),
        ("inputs", {"role": {"kind": "tangent", "of": "w"}}),
        ("parameters", {"trainable": False}),
        ("parameters", {"init": {"kind": "uniform", "low": -2.0}}),
        ("parameters", {"init": {"kind": "zeros"}}),
        ("nodes", {"op": "linear"}),
        ("outputs", {"name": "prediction"}),
        ("outputs", {"value": "a"}),
        ("outputs", {"role": {"kind": "metric"}}),
        ("outputs", {"role": {"kind": "gradient", "of": "z", "wrt": "w"}}),
    ],
)
def test_the_interface_and_the_ops_enter_the_digest(section: str, change: dict[str, Any]) -> None:
    source = simple()
    other = simple()
    other[section] = [{**other[section][0], **change}, *other[section][1:]]
    if change.get("dtype"):
        other["parameters"] = [{**other["parameters"][0], **change}]
    assert Document.from_dict(source).digest != Document.from_dict(other).digest


def test_the_order_of_operands_enters_the_digest() -> None:
    swapped = simple()
    swapped["nodes"] = [swapped["nodes"][0], {"id": "b", "op": "subtract", "inputs": ["x", "a"]}]
    assert Document.from_dict(simple()).digest != Document.from_dict(swapped).digest


def test_dead_nodes_and_written_out_defaults_do_not_enter_the_digest() -> None:
    source = simple()
    source["nodes"] = [*source["nodes"], {"id": "dead", "op": "exp", "inputs": ["a"]}]
    source["parameters"] = [
        {**source["parameters"][0], "trainable": True, "init": {"kind": "uniform", "low": -1, "high": 1}}
    ]
    assert Document.from_dict(simple()).digest == Document.from_dict(source).digest


def full(value: Any, dtype: str = "float32") -> Document:
    node: dict[str, Any] = {"id": "c", "op": "full", "dtype": dtype, "shape": [], "value": value}
    return Document.from_dict({"asg": 1, "nodes": [node], "outputs": [{"name": "c", "value": "c"}]})


def test_numbers_are_told_apart_as_ieee_754_tells_them() -> None:
    assert full(1).digest == full(1.0).digest
    assert full(1.0).to_json() == full(1).to_json()
    assert full(0.0).digest != full(-0.0).digest
    assert full(True, "bool").digest != full(1, "int32").digest
    assert full(1, "int32").digest != full(1, "float32").digest
    assert len({full(value).digest for value in ("inf", "-inf", "nan", 0.0, -0.0, 1.0)}) == 6


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", -0.0, 1e-40, 0.1, 3.4028234663852886e38])
def test_a_number_survives_the_round_trip(value: float | str) -> None:
    document = full(value)
    (node,) = Document.from_json(document.to_json()).nodes
    assert isinstance(node, Full)
    assert repr(node.value) == repr(float(value))
    assert full(value, "float64").to_dict()["nodes"][0]["value"] == value


def test_a_negative_zero_that_has_zero_as_its_default_is_written() -> None:
    source = simple(nodes=[{"id": "b", "op": "pad", "inputs": ["x"], "low": [0, 0], "high": [0, 0], "value": -0.0}])
    source["outputs"] = [{"name": "y", "value": "b"}]
    document = Document.from_dict(source)
    assert '"value": -0.0' in document.to_json()
    assert Document.from_json(document.to_json()).digest == document.digest


def test_bytes_survive_the_round_trip() -> None:
    node = {"id": "c", "op": "constant", "dtype": "float32", "shape": [1], "value": {"base64": "AACAPw=="}}
    document = Document.from_dict({"asg": 1, "nodes": [node], "outputs": [{"name": "c", "value": "c"}]})
    (read,) = Document.from_json(document.to_json()).nodes
    assert isinstance(read, Constant)
    assert isinstance(read.value, Bytes)
    assert read.value.decode() == b"\x00\x00\x80\x3f"


def test_a_node_binds_its_symbols() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(N, 2)))
    Reshape.of(x, shape=(2 * N,))
    node: Op = editor.nodes[0]
    assert isinstance(node, Reshape)
    assert node.bind({"n": 5}) == Reshape(id="reshape", inputs=("x",), shape=(10,))
    plain = Exp(id="e", inputs=("x",))
    assert plain.bind({"n": 5}) is plain
    with pytest.raises(KeyError, match="n"):
        node.bind({})
