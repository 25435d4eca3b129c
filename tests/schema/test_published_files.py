"""The published reference: up to date, and true."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from asg_schema import OPS, Composite, Document, DocumentError
from asg_schema.json_schema import json_schema, json_schema_text
from asg_schema.op_reference import EXAMPLES, op_reference, op_section
from op_samples import ALL_SAMPLES
from op_samples.each_sample import for_each_sample
from op_samples.sample import Sample, sample_document

FOLDER = Path(__file__).parents[2] / "schema"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_json_schema_is_up_to_date() -> None:
    stored = (FOLDER / "asg.schema.json").read_text(encoding="utf-8")
    assert stored == json_schema_text(), "write it again: asg schema > schema/asg.schema.json"


def test_the_op_reference_is_up_to_date() -> None:
    stored = (FOLDER / "OPS.md").read_text(encoding="utf-8")
    assert stored == op_reference(), "write it again: asg ops --markdown > schema/OPS.md"


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def readme_documents() -> list[str]:
    found = [text for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if text.startswith('{"asg"')]
    assert len(found) == 3
    return found


@pytest.mark.parametrize("text", readme_documents())
def test_documents_of_the_readme(validator: Any, text: str) -> None:
    validator.validate(json.loads(text))
    assert Document.from_json(text)


@for_each_sample(ALL_SAMPLES)
def test_every_sample_passes_the_json_schema(validator: Any, sample: Sample) -> None:
    validator.validate(sample_document(sample).to_dict())


def node(**fields: Any) -> dict[str, Any]:
    return {"asg": 1, "nodes": [{"id": "a", "op": "sum", "inputs": ["x"], **fields}]}


def an_input(**fields: Any) -> dict[str, Any]:
    return {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": [], **fields}]}


@pytest.mark.parametrize(
    "source",
    [
        node(axis=[0], keepdims=True),
        node(axis=None),
        node(op="constant", inputs=[], dtype="int64", shape=[1], value=[1]),
        node(op="constant", inputs=[], dtype="int64", shape=[1], value={"base64": "AAAAAAAAAAA="}),
        node(op="full", inputs=[], dtype="float32", shape=["n", {"mul": ["n", {"add": ["m", 1]}]}], value="-inf"),
        an_input(role={"kind": "loss_scale"}),
        an_input(shape=[{"floordiv": ["n", 2]}, {"mod": ["n", 2]}], role={"kind": "cotangent", "of": "y"}),
    ],
)
def test_the_json_schema_accepts(validator: Any, source: dict[str, Any]) -> None:
    validator.validate(source)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"asg": 2},
        {"asg": 1, "node": []},
        node(op="summ"),
        node(axes=[0]),
        node(axis=0),
        node(keepdims="true"),
        node(inputs=[]),
        node(inputs=["x", "y"]),
        {"asg": 1, "nodes": [{"id": "a", "inputs": ["x"]}]},
        {"asg": 1, "nodes": [{"op": "sum", "inputs": ["x"]}]},
        node(id="2a"),
        node(op="gelu", approximate="erf"),
        node(op="layer_norm"),
        node(op="full", inputs=[], dtype="float32", shape=[], value="infinity"),
        node(op="full", inputs=[], dtype="float", shape=[], value=1),
        an_input(shape=[1.5]),
        an_input(shape=["2n"]),
        an_input(shape=[{"add": ["n"]}]),
        an_input(shape=[{"mul": ["n", {"add": ["n", "2n"]}]}]),
        an_input(shape=[{"sub": ["n", 1]}]),
        an_input(role={"kind": "cotangent"}),
        an_input(role={"kind": "loss_scale", "of": "y"}),
        an_input(role={"kind": "data"}),
        {"asg": 1, "parameters": [{"id": "w", "dtype": "float32", "shape": ["n"]}]},
        {"asg": 1, "parameters": [{"id": "w", "dtype": "float32", "shape": [1], "init": {"kind": "constant"}}]},
        {"asg": 1, "parameters": [{"id": "w", "dtype": "float32", "shape": [1], "init": {"value": 1.0}}]},
        {"asg": 1, "outputs": [{"name": "y"}]},
    ],
)
def test_the_json_schema_refuses(validator: Any, source: dict[str, Any]) -> None:
    assert not validator.is_valid(source)


def test_the_json_schema_describes_every_op_and_only_ops() -> None:
    schema = json_schema()
    listed = [entry["$ref"].rpartition("/")[2] for entry in schema["$defs"]["Node"]["oneOf"]]
    definitions = [schema["$defs"][name] for name in listed]
    assert sorted(definition["properties"]["op"]["const"] for definition in definitions) == sorted(OPS)
    for definition in definitions:
        assert {"id", "op"} <= set(definition["required"])
        assert definition["additionalProperties"] is False
        assert definition["description"]
    text = json_schema_text()
    referred = set(re.findall(r'"#/\$defs/([^"]+)"', text))
    assert referred == set(schema["$defs"])


def test_every_composite_has_an_example_in_the_reference() -> None:
    assert set(EXAMPLES) == {op for op in OPS.values() if issubclass(op, Composite)}


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_a_section_says_what_an_implementer_needs(op: Any) -> None:
    section = op_section(op)
    assert section.startswith(f"### {op.name}\n")
    assert re.search(r"[Rr]esult|rank-0 int64", section.partition("\n*Gradient*\n")[0]), "nothing is said of its result"
    for operand in op.operands:
        assert f"`{operand.name}`" in section
    for attribute in op.attributes:
        assert re.search(rf"^\| `{attribute}` \| [^|]+ \| [^|]* \| \S", section, re.MULTILINE), attribute
    if issubclass(op, Composite):
        assert re.search(rf"`{op.name}\(.*\)` with .* in:\n\n```\n(.+\n)+```", section)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_a_section_says_the_gradient_of_each_differentiable_operand(op: Any) -> None:
    before, _, gradient = op_section(op).partition("\n*Gradient*\n")
    assert "Gradient:" not in before
    differentiable = [operand.name for operand in op.operands if operand.differentiable]
    assert bool(gradient) is bool(differentiable)
    for name in differentiable:
        assert re.search(rf"^- `[^`]*\b{name}\b[^`]*`: \S", gradient, re.MULTILINE), f"nothing is said of {name}"


def test_a_gradient_section_is_rendered_as_a_list() -> None:
    section = op_section(OPS["attention"])
    assert "\n*Gradient*\n\nLet P be " in section
    assert "\n- `value`: Pᵀ · ḡ.\n- `mask`: S̄, where it is a number.\n\nP and S̄ are 0 where" in section


@pytest.mark.parametrize(
    ("op", "attribute", "words"),
    [
        ("cross_entropy", "ignore_index", "integer"),
        ("cross_entropy", "label_smoothing", "number"),
        ("cross_entropy", "reduction", '`"mean"` or `"sum"` or `"none"`'),
        ("sum", "axis", "list of integers"),
        ("sum", "keepdims", "bool"),
        ("clip", "min", "number"),
        ("conv", "padding", "list of pairs of integers"),
        ("conv", "strides", "list of integers"),
        ("reshape", "shape", "list of dims"),
        ("interpolate", "size", "list of dims"),
        ("interpolate", "scale_factor", "list of numbers"),
        ("astype", "dtype", "dtype"),
        ("full", "value", "number or bool"),
        ("constant", "value", 'list of numbers or bools, or `{"base64": …}`'),
        ("einsum", "equation", "string"),
    ],
)
def test_the_type_of_an_attribute_in_words(op: str, attribute: str, words: str) -> None:
    assert f"\n| `{attribute}` | {words} | " in op_section(OPS[op])


@pytest.mark.parametrize(
    ("name", "place", "wanted"),
    [
        ('"scaled"', 0, ["input", "parameter", "node", "node", "document"]),
        (
            '"functions"',
            1,
            ["input", "operand", "node", "operand", "operand", "function", "function", "node", "document"],
        ),
    ],
)
def test_the_worked_digests_of_the_readme(name: str, place: int, wanted: list[str]) -> None:
    source = next(text for text in readme_documents() if name in text)
    blocks = [block for block in README.split("```")[1::2] if "\ndocument:" in block]
    assert len(blocks) == 2
    hashed = re.findall(r"^(\w+:[\[{].*)\n  ([0-9a-f]{64})$", blocks[place], re.MULTILINE)
    kinds = [text.partition(":")[0] for text, _ in hashed]
    assert kinds == wanted
    for text, digest in hashed:
        assert hashlib.sha256(text.encode()).hexdigest() == digest
    for place, digest in enumerate(digest for _, digest in hashed[:-1]):
        assert any(digest in text for text, _ in hashed[place + 1 :])
    assert Document.from_json(source).digest == hashed[-1][1]


def test_every_error_code_is_in_the_readme() -> None:
    table = README.partition("| code | |")[2].partition("\n\n")[0]
    listed = {code for row in table.splitlines() for code in re.findall(r"`([a-z_]+)`", row.partition(" | ")[0])}
    modules = ("reading", "validation", "wire", "inference")
    sources = "".join((FOLDER / "asg_schema" / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    kinds = "invalid_json|invalid_value|newer|missing|unknown|duplicate|not_yet|type"
    assert listed == set(re.findall(rf'"((?:{kinds})(?:_(?!problem)[a-z]+)?)"', sources)) - {"missing", "type"}


def test_the_error_of_the_readme_is_what_a_reader_says() -> None:
    source = {
        "asg": 1,
        "inputs": [
            {"id": "x", "dtype": "float32", "shape": ["batch", 3]},
            {"id": "offset", "dtype": "float32", "shape": [4]},
        ],
        "nodes": [
            {"id": "e", "op": "exp", "inputs": ["x"]},
            {"id": "sum", "op": "add", "inputs": ["x", "offset"]},
        ],
    }
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    assert f"```\n{caught.value}\n```" in README
