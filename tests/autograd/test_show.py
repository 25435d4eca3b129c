"""Drawings: each value is there once, boxes nest as scopes do, long documents are drawn as scopes."""

import os
import re
import subprocess
import sys
from itertools import combinations, pairwise
from typing import Any

import pygraphviz  # pyright: ignore[reportMissingTypeStubs] - it ships none
import pytest

from asg_autograd import TransformError, grad, show
from asg_autograd.drawing.leaves import scope_ends
from asg_autograd.drawing.palette import style_sheet
from asg_autograd.drawing.texts import ADVANCE, printable, shortened, text_width
from asg_schema.document import Document
from asg_schema.traversal import node_of
from readme_drawing import FILE, drawing
from transform_harness.drawings import MODELS, SVG, Found, blocks, chain, cube, having, mlp, walk


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[Document, str]:
    document = MODELS[request.param]
    return document, show(document)


def test_every_value_and_output_is_there_once(model: tuple[Document, str]) -> None:
    document, svg = model
    ids = [item.id for item in (*document.inputs, *document.parameters, *document.nodes)]
    assert sorted(having(svg, "data-id")) == sorted(ids)
    assert sorted(having(svg, "data-output")) == sorted(item.name for item in document.outputs)


def test_boxes_nest_as_scopes_do(model: tuple[Document, str]) -> None:
    document, svg = model
    nodes = {node.id for node in document.nodes} | {item.id for item in document.parameters}
    for id, found in having(svg, "data-id").items():
        scopes = found.scopes
        assert all(inner.startswith((f"{outer}.", f"{outer}/")) for outer, inner in pairwise(scopes))
        assert not scopes or (id in nodes and re.search(rf"(^|\.){re.escape(scopes[-1])}[./]", id))


def test_nothing_overlaps_or_sticks_out(model: tuple[Document, str]) -> None:
    _, svg = model
    shapes = [*having(svg, "data-id").values(), *having(svg, "data-output").values()]
    for first, second in combinations(shapes, 2):
        assert not overlap(first.frame, second.frame)
    framed = [item for item in walk(svg) if "frame" in [child.attrib.get("class") for child in item.element]]
    boxes = {id(item.element): item for item in framed if "data-scope" in item.element.attrib}
    for shape in (*shapes, *boxes.values()):
        outer = [boxes[id(around)] for around in shape.around if id(around) in boxes]
        assert all(inside(shape.frame, box.frame) for box in outer)
        left, _, right, _ = shape.frame
        for place, text in enumerate(shape.texts):
            assert len(text) * (13 if place == 0 else 11) * ADVANCE <= right - left
    for first, second in combinations(boxes.values(), 2):
        nested = id(first.element) in map(id, second.around) or id(second.element) in map(id, first.around)
        assert nested or not overlap(first.frame, second.frame)


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def inside(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def test_every_use_is_a_link_with_its_type_or_is_said(model: tuple[Document, str]) -> None:
    document, svg = model
    titles: dict[tuple[str, str], str] = {}
    for found in walk(svg):
        if "data-from" in found.element.attrib and "output" not in found.element.attrib["data-to"]:
            titles[found.element.attrib["data-from"], found.element.attrib["data-to"]] = found.title
    shapes = having(svg, "data-id")
    constants = {node.id for node in document.nodes if not node.inputs}
    for node in document.nodes:
        for reference in node.inputs:
            said = f"{reference}: {document.types[reference]}" in titles.get((node_of(reference), node.id), "")
            named = any(text.startswith(("with ", "and ")) or "more" in text for text in shapes[node.id].texts)
            assert said or (node_of(reference) in constants and named)


def test_derivatives_stand_beside_what_they_are_of() -> None:
    parts = having(show(grad(mlp())), "data-part")
    assert list(parts) == ["forward", "gradient"]
    assert parts["forward"].frame[2] <= parts["gradient"].frame[0]
    shapes = having(show(grad(mlp())), "data-id")
    for id, shape in shapes.items():
        part = next(around.attrib["data-part"] for around in shape.around if "data-part" in around.attrib)
        assert part == ("gradient" if id.startswith("grad.") else "forward")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("mlp", ["forward"]),
        ("tangents", ["forward", "tangent"]),
        ("vjp", ["forward", "gradient"]),
        ("third order", ["forward", "gradient", "gradient 2", "gradient 3"]),
    ],
)
def test_each_derivative_is_a_part(name: str, labels: list[str]) -> None:
    assert list(having(show(MODELS[name]), "data-part")) == labels


def test_a_gradient_flows_upwards() -> None:
    svg = show(grad(mlp()))
    tops = {id: shape.frame[1] for id, shape in having(svg, "data-id").items()}
    upwards = 0
    for found in walk(svg):
        ends = found.element.attrib.get("data-from", ""), found.element.attrib.get("data-to", "")
        if all(end.startswith("grad.") and end in tops for end in ends):
            assert tops[ends[1]] < tops[ends[0]]
            upwards += 1
        elif all(end in tops for end in ends):
            assert tops[ends[1]] > tops[ends[0]] or ends[1].startswith("grad.")
    assert upwards > 10


def test_shapes_say_ops_attributes_types_and_roles() -> None:
    shapes = having(show(grad(mlp())), "data-id")
    assert shapes["mlp.1.layer_norm"].texts == ["layer_norm", "normalized_shape=[16]", "float32[batch, 16]"]
    assert shapes["mlp.1.layer_norm"].element.attrib["class"] == "composite"
    assert shapes["mse.subtract"].element.attrib["class"] == "operation"
    assert shapes["x"].element.attrib["class"] == "input"
    assert shapes["mlp.0.weight"].element.attrib["class"] == "parameter"
    assert "kaiming_uniform" in shapes["mlp.0.weight"].title
    assert shapes["mlp.1.layer_norm"].title.startswith("mlp.1.layer_norm = layer_norm(mlp.0.linear, ")
    outputs = having(show(grad(mlp())), "data-output")
    assert outputs["grad.mlp.0.weight"].texts == ["weight", "gradient of loss", "float32[16, 8]"]
    assert outputs["grad.mlp.0.weight"].scopes == ["mlp", "mlp.0"]
    assert "gradient of loss by mlp.0.weight" in outputs["grad.mlp.0.weight"].title
    assert having(show(MODELS["tangents"]), "data-id")["tangent.x"].texts[1] == "tangent of x"


def test_what_no_output_needs_is_faint() -> None:
    shapes = having(show(cube()), "data-id")
    assert shapes["unused"].element.attrib["class"] == "operation dead"
    assert "no output needs it" in shapes["unused"].title
    assert shapes["square"].element.attrib["class"] == "operation"


def test_the_same_document_gives_the_same_bytes() -> None:
    document = grad(blocks(1))
    program = "import sys; from asg_autograd import show; from asg_schema import Document\n"
    program += "sys.stdout.write(show(Document.from_json(sys.stdin.read())))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=document.to_json(),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {show(document)}


def shapes_of(svg: str) -> list[Found]:
    kinds = {"input", "parameter", "operation", "composite", "output", "scope", "outside"}
    found = [item for item in walk(svg) if set(item.element.attrib.get("class", "").split()) & kinds]
    return [item for item in found if "legend" not in [outer.attrib.get("class") for outer in item.around]]


def counted(svg: str) -> int:
    """How many nodes a drawing shows, or says that a shape stands for."""
    shapes = shapes_of(svg)
    drawn = sum(item.element.attrib["class"].split()[0] in ("operation", "composite") for item in shapes)
    told = [re.match(r"([\d,]+) nodes?$", text) for item in shapes for text in item.texts]
    return drawn + sum(int(match[1].replace(",", "")) for match in told if match)


@pytest.mark.parametrize("most", [1, 2, 5, 30, 100, 1000])
def test_long_documents_are_drawn_as_scopes(most: int) -> None:
    document = grad(blocks(4))
    svg = show(document, max_nodes=most)
    assert counted(svg) == len(document.nodes)
    if most >= 30:
        assert len(shapes_of(svg)) <= most
    else:
        assert len(shapes_of(svg)) < 12  # a shape for each kind of thing in each part is the least
    assert ("drawn as one shape each" in svg) is (most < 1000)


def test_a_hundred_thousand_nodes_are_drawn_as_scopes() -> None:
    document = chain([f"block.{n // 1000}.layer{n // 100 % 10}.tanh_{n % 100}" for n in range(100_000)])
    svg = show(document)
    shapes = having(svg, "data-scope")
    assert len(shapes_of(svg)) <= 200
    assert counted(svg) == 100_000
    assert shapes["block.7"].texts == ["7", "1,000 nodes", "in: float32[batch, 4]", "out: float32[batch, 4]"]
    assert "tanh  1,000" in shapes["block.7"].title
    assert shapes["block.7"].scopes == ["block"]


def test_a_drawing_may_be_large_where_that_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    document = grad(blocks(12))
    svg = show(document, max_nodes=10_000)
    assert len(having(svg, "data-id")) == sum(map(len, (document.inputs, document.parameters, document.nodes))) > 1000
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["n{}", "layer{}.tanh", "layer{}.a.tanh_{}"])
def test_without_scopes_neighbours_are_put_together(name: str) -> None:
    document = chain([name.format(number, number) for number in range(3000)])
    svg = show(document, max_nodes=50)
    assert len(shapes_of(svg)) <= 50
    assert counted(svg) == 3000
    first = next(item for item in shapes_of(svg) if item.element.attrib["class"] == "scope")
    assert " … " in first.texts[0]
    assert first.texts[1].endswith(" nodes")


def test_the_depth_of_open_boxes() -> None:
    document = blocks(3)
    levels = [having(show(document, depth=depth, max_nodes=1000), "data-scope") for depth in range(5)]
    assert list(levels[0]) == ["block", "mse"]
    assert levels[0]["block"].element.attrib["class"] == "scope"
    assert {"block", "block.0", "block.1", "block.2"} <= set(levels[1])
    assert levels[1]["block.1"].texts[1] == "21 nodes"
    assert levels[1]["block.1"].texts[2].startswith("12 parameters (")
    assert "block.1.self_attn" in levels[2]
    assert levels[4].keys() == having(show(document, max_nodes=1000), "data-scope").keys()


def test_a_scope_alone_with_what_passes_its_border() -> None:
    svg = show(grad(blocks(3)), scope="block.1")
    ids, outside = having(svg, "data-id"), having(svg, "data-outside")
    assert all(id.removeprefix("grad.").startswith("block.1.") for id in ids)
    expected = {node.id for node in grad(blocks(3)).nodes if node.id.removeprefix("grad.").startswith("block.1.")}
    assert ids.keys() - {item.id for item in grad(blocks(3)).parameters} == expected
    assert outside["block.0.add_1"].texts == ["block.0.add_1", "float32[batch, length, 8]"]
    assert outside["block.1.add_1"].texts[1] == "used 4 times outside"
    links = {
        (item.element.attrib["data-from"], item.element.attrib["data-to"])
        for item in walk(svg)
        if "data-from" in item.element.attrib
    }
    assert {("block.0.add_1", "block.1.norm1.layer_norm"), ("block.1.add_1", "block.1.add_1")} <= links
    gradient = having(show(grad(blocks(3)), scope="grad.block.1"), "data-id")
    assert gradient.keys() == {id for id in expected if id.startswith("grad.")}


HOSTILE = [
    '</svg><script>alert("1")</script>',
    "a&b <b> 'c' \"d\" ]]> <!-- --> &#x0; {{e}} |f| \\n \\",
    "right\u202eleft \ud7ff \ufffe \u2028 \u200b",
    "表意文字 שלום 🙂",
    "x" * 255,
    "%s %(a)s {0} #quot; `g`",
]


def hostile(name: str) -> Document:
    source: dict[str, Any] = cube().to_dict()
    outputs = [{"name": name, "value": "y", "role": {"kind": "gradient", "of": name, "wrt": "x"}}]
    return Document.from_dict({**source, "name": name, "outputs": outputs})


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    svg = show(hostile(name))
    tags = {found.element.tag.removeprefix(SVG) for found in walk(svg)}
    assert tags <= {"svg", "title", "style", "rect", "text", "g", "path", "polygon"}
    assert list(having(svg, "data-output")) == [printable(name)]
    assert all(item.isprintable() or item == "\n" for item in svg)
    assert not re.search(r"href|on\w+=|url\(", re.sub(r">[^<]*<|\"[^\"]*\"", "", svg))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_in_dot_and_mermaid(name: str) -> None:
    text = show(hostile(name), format="dot")
    graph: Any = pygraphviz.AGraph(string=text)
    assert len(graph.nodes()) == 5
    assert len(graph.edges()) == 5
    label = str(graph.graph_attr["label"])
    assert label.split("\\n1 input")[0] == printable(name).replace("\\", "\\\\")
    lines = show(hostile(name), format="mermaid").splitlines()
    for line in lines:
        assert line.count('"') in (0, 2)
        assert not re.search(r"[<>](?!br>|-)(?!$)|`|\|", line.replace("<br>", "").replace("-->", ""))


def test_dot_and_mermaid_have_the_same_shapes_and_links() -> None:
    document = grad(mlp())
    graph: Any = pygraphviz.AGraph(string=show(document, format="dot"))
    lines = show(document, format="mermaid").splitlines()
    svg = show(document)
    links = sum("data-from" in found.element.attrib for found in walk(svg))
    assert len(graph.nodes()) == len(shapes_of(svg)) == sum(bool(re.match(r"  n\d+\W", item)) for item in lines) - links
    assert len(graph.edges()) == links == sum(" --> " in item for item in lines)
    assert lines[0] == "flowchart TB"
    assert sum(item == "end" for item in lines) == sum(item.startswith("subgraph ") for item in lines) > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scope": "mlq"}, 'the document has no scope "mlq"; did you mean "mlp"?'),
        ({"scope": ""}, 'the document has no scope ""'),
        ({"scope": "mlp.0.weight"}, 'the document has no scope "mlp.0.weight"'),
        ({"depth": -1}, "depth -1: 0 or more is needed"),
        ({"max_nodes": 0}, "max_nodes 0: 1 or more is needed"),
        ({"format": "png"}, 'format "png" is none of svg, dot, mermaid'),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        show(mlp(), **arguments)
    assert str(caught.value) == message


def test_without_the_library_only_svg_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(TransformError, match=re.escape('pip install "asgraph[show]"')):
        show(mlp())
    assert show(mlp(), format="dot").startswith("digraph {")
    assert show(mlp(), format="mermaid").startswith("flowchart TB")


def test_an_empty_document() -> None:
    assert shapes_of(show(Document())) == []


def test_the_drawing_in_the_readme_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == drawing(), "write it again: make generate"


def luminance(color: str) -> float:
    """The relative luminance of a colour, as WCAG 2.2 defines it."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_is_readable_on_light_and_dark() -> None:
    light, dark = style_sheet().split("@media")
    for palette in (light, dark):
        inks = re.findall(r"^text[^{]*\{ fill: (#\w+)", palette, re.MULTILINE)
        fills = re.findall(r"^\.(?:ground|[^{]*\.shape) \{ fill: (#\w+)", palette, re.MULTILINE)
        assert (len(inks), len(fills)) == (2, 8)
        for ink in inks:
            for fill in fills:
                bright, low = sorted((luminance(ink), luminance(fill)), reverse=True)
                assert (bright + 0.05) / (low + 0.05) >= 4.5, (ink, fill)


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("a", []),
        ("block.0.add", ["block", "block.0"]),
        ("block/attention.query", ["block", "block/attention"]),
        ("full_0.5", []),
        ("block.full_0.5", ["block"]),
        ("block._x", ["block"]),
    ],
)
def test_scopes_of_a_path(path: str, scopes: list[str]) -> None:
    assert [path[:end] for end in scope_ends(path)] == scopes


def test_long_texts_lose_their_middle() -> None:
    assert shortened("a" * 40, 40) == "a" * 40
    assert shortened("begin" + "x" * 90 + "end", 11) == "begin…xxend"
    assert shortened("a\u202eb", 40) == "a\\u202eb"
    assert text_width("表", 10) == 2 * text_width("a", 10)
