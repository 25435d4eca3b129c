"""Documents to draw, and what stands in a drawing."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import asg_builder
from asg_autograd import grad, jvp, vjp
from asg_builder import losses, nn
from asg_schema.document import Document

SVG = "{http://www.w3.org/2000/svg}"


def mlp() -> Document:
    with asg_builder.graph("mlp") as g:
        x, target = asg_builder.input("x", ("batch", 8)), asg_builder.input("target", ("batch", 2))
        layers = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 2), name="mlp")
        prediction = layers(x)
        g.output(prediction=prediction, loss=losses.mse(prediction, target))
    return g.document()


def blocks(count: int) -> Document:
    with asg_builder.graph("blocks") as g:
        x = asg_builder.input("x", ("batch", "length", 8))
        target = asg_builder.input("target", ("batch", "length", 8))
        y = x
        for number in range(count):
            y = nn.TransformerBlock(8, 2, 16, causal=True, name=f"block.{number}")(y)
        g.output(loss=losses.mse(y, target))
    return g.document()


def cube() -> Document:
    nodes = [
        {"id": "square", "op": "multiply", "inputs": ["x", "x"]},
        {"id": "y", "op": "multiply", "inputs": ["square", "x"]},
        {"id": "unused", "op": "exp", "inputs": ["x"]},
    ]
    inputs: list[dict[str, Any]] = [{"id": "x", "dtype": "float32", "shape": []}]
    outputs = [{"name": "y", "value": "y"}]
    return Document.from_dict({"asg": 1, "inputs": inputs, "nodes": nodes, "outputs": outputs})


def chain(names: list[str]) -> Document:
    """A document whose nodes have these names, each the operand of the next."""
    nodes = [{"id": new, "op": "tanh", "inputs": [old]} for old, new in pairwise(["x", *names])]
    inputs = [{"id": "x", "dtype": "float32", "shape": ["batch", 4]}]
    outputs = [{"name": "y", "value": names[-1]}]
    return Document.from_dict({"asg": 1, "name": "chain", "inputs": inputs, "nodes": nodes, "outputs": outputs})


MODELS = {
    "mlp": mlp(),
    "gradient": grad(mlp()),
    "block": blocks(1),
    "block's gradient": grad(blocks(1)),
    "tangents": jvp(mlp(), wrt=["x"]),
    "vjp": vjp(mlp(), "prediction", ["x"]),
    "third order": grad(grad(grad(cube(), of="y", wrt=["x"]), of="grad.x", wrt=["x"]), of="grad2.x", wrt=["x"]),
}


class Found(NamedTuple):
    """A shape or box of a drawing: its element, and the elements around it, the outermost first."""

    element: Element
    around: tuple[Element, ...]

    @property
    def scopes(self) -> list[str]:
        return [outer.attrib["data-scope"] for outer in self.around if "data-scope" in outer.attrib]

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        polygon = self.element.find(f"{SVG}polygon")
        if polygon is not None:
            corners = [tuple(map(float, corner.split(","))) for corner in polygon.attrib["points"].split()]
            xs, ys = zip(*corners, strict=True)
            return min(xs), min(ys), max(xs), max(ys)
        rectangle = self.element.find(f"{SVG}rect")
        assert rectangle is not None
        x, y, width, height = (float(rectangle.attrib[key]) for key in ("x", "y", "width", "height"))
        return x, y, x + width, y + height

    @property
    def title(self) -> str:
        return self.element.findtext(f"{SVG}title") or ""

    @property
    def texts(self) -> list[str]:
        return [text.text or "" for text in self.element.findall(f"{SVG}text")]


def walk(svg: str) -> Iterator[Found]:
    """All elements of a drawing."""
    stack = [Found(ElementTree.fromstring(svg), ())]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(Found(child, (*found.around, found.element)) for child in reversed(found.element))


def having(svg: str, attribute: str) -> dict[str, Found]:
    """The elements that have an attribute, by its value, of which each is there once."""
    found = [item for item in walk(svg) if attribute in item.element.attrib]
    by_value = {item.element.attrib[attribute]: item for item in found}
    assert len(by_value) == len(found)
    return by_value
