"""Figures of documents, by size and as formulas in symbols, and how `asg describe` shows them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asg_schema import AsgError, Document
from asg_schema.cost import operations
from asg_schema.cost_formula import operations_formula
from asg_schema.dims import bind_dim, symbols_of
from asg_schema.op import Op
from asg_schema.statistics import name_scope, statistics
from asg_schema.tensor_type import TensorType
from op_samples import ALL_SAMPLES
from op_samples.sample import Sample, sample_document
from op_samples.symbolic import symbolic_shapes

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "two_layers",
    "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", 8]}],
    "parameters": [
        {"id": "weight", "dtype": "float32", "shape": [8, 4]},
        {"id": "bias", "dtype": "float16", "shape": [4]},
    ],
    "nodes": [
        {"id": "first.matmul", "op": "matmul", "inputs": ["x", "weight"]},
        {"id": "first.tanh", "op": "tanh", "inputs": ["first.matmul"]},
        {"id": "second.turn", "op": "permute_dims", "inputs": ["first.tanh"], "axes": [1, 0]},
        {"id": "second.sorted", "op": "sort", "inputs": ["second.turn"], "axis": 1},
        {"id": "grad.second.sum", "op": "sum", "inputs": ["second.sorted"]},
        {"id": "alone", "op": "exp", "inputs": ["grad.second.sum"]},
    ],
    "outputs": [{"name": "y", "value": "alone"}],
}
MODEL = Document.from_dict(SOURCE)


def test_figures_are_formulas_in_symbols() -> None:
    found = statistics(MODEL)
    assert str(found.ops["matmul"].operations) == "64*batch"  # 2 · 8 for each of the 4 · batch elements
    assert str(found.ops["tanh"].operations) == "40*batch"
    assert found.ops["permute_dims"].operations == 0
    assert found.ops["exp"] == (1, 10, 0, 4)
    assert str(found.ops["tanh"].bytes) == "16*batch"
    assert (found.total.nodes, found.depth) == (6, 6)
    assert (found.parameters, found.elements, found.parameter_bytes) == (2, 36, 4 * 32 + 2 * 4)
    assert list(found.scopes) == ["first", "second", "grad.second", ""]
    assert str(found.scopes["first"].operations) == "104*batch"
    # n log n is no polynomial.
    assert [figures.uncounted for figures in (found.total, found.ops["sort"], found.ops["matmul"])] == [1, 1, 0]


def test_figures_for_sizes() -> None:
    found = statistics(MODEL, {"batch": 32})
    assert found.total.uncounted == 0
    assert found.total.operations == 64 * 32 + 40 * 32 + 128 * (1 + 5) + 128 + 10
    assert found.total.bytes == 4 * (4 * 128 + 2)
    assert [(value.reference, str(value.type), value.bytes) for value in found.largest][:2] == [
        ("first.matmul", "float32[32, 4]", 512),
        ("first.tanh", "float32[32, 4]", 512),
    ]
    assert len(found.largest) == 5


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"bach": 1}, 'the document has no symbol "bach"; did you mean "batch"?'),
        ({"other": 1}, 'the document has no symbol "other"; its symbols are batch'),
        ({"batch": -1}, "the symbol batch is -1; a size of at least 0 is needed"),
    ],
)
def test_symbols_that_are_none(symbols: dict[str, int], message: str) -> None:
    with pytest.raises(AsgError) as caught:
        statistics(MODEL, symbols)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("id", "scope"),
    [
        ("loss", ""),
        ("block.add", "block"),
        ("block.norm.add", "block"),
        ("grad.block.norm.add", "grad.block"),
        ("grad2.block.add", "grad2.block"),
        ("grad.loss", "grad"),
        ("full_0.5", ""),
        ("grad.full_0.5", "grad"),
        ("gradient.a.b", "gradient"),
    ],
)
def test_scopes(id: str, scope: str) -> None:
    assert name_scope(id) == scope


def symbolic_document(sample: Sample) -> Document | None:
    """The sample's document with symbols for sizes; None where its attributes need the sizes."""
    source = sample_document(sample).to_dict()
    for item, shape in zip(source["inputs"], symbolic_shapes(sample), strict=True):
        item["shape"] = list(shape)
    try:
        return Document.from_dict(source)
    except AsgError:
        return None


def applied(document: Document) -> tuple[Op, list[TensorType], list[TensorType]]:
    """The one node of a document, and the types of its operands and results."""
    (node,) = document.nodes
    types = document.types
    return node, [types[name] for name in node.inputs], [types[name] for name in node.references()]


# Logarithms, thirds, indices that depend on sizes, and a convolution all of whose sizes are symbols.
WITHOUT_FORMULA = {
    *("sort", "argsort", "top_k", "cumulative_prod", "cholesky", "qr", "eigh", "scatter_nd_set", "conv"),
}
SYMBOLIC = {
    op.name: document
    for op, sample in {sample.op: sample for sample in ALL_SAMPLES}.items()
    if (document := symbolic_document(sample)) is not None
}


def test_a_convolution_of_a_batch() -> None:
    source = {
        "asg": 1,
        "inputs": [
            {"id": "x", "dtype": "float32", "shape": ["batch", 3, 8, 8]},
            {"id": "kernel", "dtype": "float32", "shape": [16, 3, 3, 3]},
        ],
        "nodes": [{"id": "y", "op": "conv", "inputs": ["x", "kernel"]}],
        "outputs": [{"name": "y", "value": "y"}],
    }
    formula = operations_formula(*applied(Document.from_dict(source)))
    assert formula is not None
    assert str(formula) == f"{2 * 16 * 6 * 6 * 27}*batch"


@pytest.mark.parametrize("document", SYMBOLIC.values(), ids=SYMBOLIC.keys())
def test_a_formula_gives_what_is_counted(document: Document) -> None:
    node, operands, results = applied(document)
    formula = operations_formula(node, operands, results)
    assert (formula is None) == (node.name in WITHOUT_FORMULA)
    if formula is None:
        return
    values = {name: 10_080 for item in document.inputs for dim in item.shape for name in symbols_of(dim)}
    bound = [
        [TensorType(type.dtype, tuple(bind_dim(dim, values) for dim in type.shape)) for type in types]
        for types in (operands, results)
    ]
    assert bind_dim(formula, values) == operations(node.bind(values), *bound)


ASG = [sys.executable, "-c", "from asg_schema.cli import main; main()"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(SOURCE), encoding="utf-8")
    return str(file)


def asg(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ASG, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_stats_are_aligned_text_in_a_pipe(path: str) -> None:
    text = asg("describe", path, "--stats").stdout
    assert text.startswith(f"two_layers  (ASG 1, digest {MODEL.digest[:12]})\n\ntotals\n  nodes             6\n")
    assert "  depth             6\n" in text
    assert "  parameters        2 with 36 elements, 136 bytes\n" in text
    assert (
        "\n  operations        108*batch + 10 and those of 1 node that no formula gives; name sizes of symbols\n"
        in text
    )
    assert "\nops\n  op            nodes  operations" in text
    assert "  first.matmul     float32[batch, 4]  16*batch bytes\n" in text
    sized = asg("describe", path, "--stats", "--symbol", "batch=1000").stdout
    assert "  matmul        1      64,000      15.6 KiB\n" in sized


def test_stats_and_the_listing_as_json(path: str) -> None:
    figures = json.loads(asg("describe", path, "--stats", "--json").stdout)
    assert figures["ops"]["matmul"] == {
        "nodes": 1,
        "operations": {"mul": ["batch", 64]},
        "uncounted": 0,
        "bytes": {"mul": ["batch", 16]},
    }
    assert figures["parameters"] == {"count": 2, "elements": 36, "bytes": 136}
    assert figures["depth"] == 6
    listed = json.loads(asg("describe", path, "--json").stdout)
    assert listed["digest"] == MODEL.digest
    assert listed["nodes"][2] == {
        "id": "second.turn",
        "op": "permute_dims",
        "inputs": ["first.tanh"],
        "attributes": {"axes": [1, 0]},
        "results": [{"id": "second.turn", "dtype": "float32", "shape": [4, "batch"]}],
    }
    assert listed["parameters"][1]["elements"] == 4


def test_wrong_usage(path: str) -> None:
    assert asg("describe", path, "--symbol", "batch=3").returncode == 2
    assert asg("describe", path, "--stats", "--symbol", "batch=n").returncode == 2
    assert asg("describe", path, "--stats", "--symbol", "batch").returncode == 2
    done = asg("describe", path, "--stats", "--symbol", "bach=3")
    assert (done.returncode, done.stderr) == (1, 'asg: the document has no symbol "bach"; did you mean "batch"?\n')


@pytest.mark.parametrize("width", [20, 40, 80, 140])
def test_a_listing_stays_within_the_terminal(path: str, width: int) -> None:
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(width), "NO_COLOR": "1"}
    text = ""
    for options in ([], ["--stats", "--symbol", "batch=7"]):
        subprocess.run([*ASG, "describe", path, *options], stdout=secondary, check=True, env=environment)
        text += os.read(primary, 65536).decode()
    os.close(secondary)
    os.close(primary)
    lines = [line.rstrip() for line in text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()]
    sections = [line for line in lines if not line.startswith(("two_layers", "1 input"))]
    assert all(len(line) <= width for line in sections if "\x1b" not in line)
    joined = "".join("".join(lines).split())
    assert "matmul(x,weight)" in joined
    assert "float32[4,batch]" in joined
    if width == 140:
        assert any(
            line.split() == ["first.tanh", "=", "tanh(first.matmul)", ":", "float32[batch,", "4]"] for line in lines
        )
