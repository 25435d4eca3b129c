"""A picture in the language of Graphviz: what its layout is computed from, and what a person may edit."""

from collections.abc import Callable, Iterator, Mapping

from asg_autograd.drawing.leaves import Kind
from asg_autograd.drawing.picture import Box, Link, Picture, Shape
from asg_autograd.drawing.texts import printable

__all__ = ["Attributes", "dot_lines", "flows_back", "quoted", "write_dot"]

Attributes = Mapping[str, str]
_SHAPES = {
    Kind.INPUT: {"shape": "invhouse"},
    Kind.PARAMETER: {"shape": "cylinder"},
    Kind.OPERATION: {"shape": "box"},
    Kind.COMPOSITE: {"shape": "box", "peripheries": "2"},
    Kind.OUTPUT: {"shape": "box", "style": "rounded"},
    Kind.SCOPE: {"shape": "box3d"},
    Kind.OUTSIDE: {"shape": "box", "style": "dashed"},
}


def quoted(text: str) -> str:
    """Text as a string of the language, in which a backslash begins an escape."""
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def flows_back(picture: Picture, link: Link) -> bool:
    """Whether a link is drawn against the direction of the layout: inside a part that is drawn upwards."""
    source, target = picture.shapes[link.source].part, picture.shapes[link.target].part
    return source == target and picture.parts[source].upwards


def dot_lines(
    picture: Picture,
    graph: Attributes,
    of_shape: Callable[[Shape], Attributes],
    of_box: Callable[[Box], Attributes],
    of_link: Callable[[Link], Attributes],
) -> Iterator[str]:
    """The lines of a graph: nodes n0, n1 and so on, clusters cluster_0, cluster_1 and so on.

    Values of attributes are taken as they are, so strings have to be quoted.

    Args:
        picture: what is drawn.
        graph: attributes of the whole.
        of_shape: attributes of a shape.
        of_box: attributes of a box. A box without a label is no cluster.
        of_link: attributes of a link.
    """
    yield "digraph {"
    yield from (f"  {key}={value};" for key, value in graph.items())
    number = 0
    stack: list[Box | str] = list(reversed(picture.boxes))
    while stack:
        box = stack.pop()
        if isinstance(box, str):
            yield box
            continue
        if box.label:
            yield f"subgraph cluster_{number} {{"
            yield from (f"  {key}={value};" for key, value in of_box(box).items())
            number += 1
            stack.append("}")
        for index in box.shapes:
            yield f"  n{index} [{_written(of_shape(picture.shapes[index]))}];"
        stack.extend(reversed(box.boxes))
    for link in picture.links:
        tail, head, attributes = link.source, link.target, dict(of_link(link))
        if flows_back(picture, link):
            tail, head, attributes = head, tail, {**attributes, "dir": "back"}
        yield f"  n{tail} -> n{head} [{_written(attributes)}];"
    yield "}"


def _written(attributes: Attributes) -> str:
    return " ".join(f"{key}={value}" for key, value in attributes.items())


def write_dot(picture: Picture) -> str:
    """A picture as a file of Graphviz, with its texts; `dot -Tsvg` draws it in Graphviz's own way."""
    label = "\n".join((picture.heading, *picture.notes))
    graph = {"label": _lines(label), "labelloc": "t", "tooltip": _lines(label), "fontname": '"monospace"'}
    lines = dot_lines(
        picture,
        graph,
        lambda shape: {
            "label": _lines("\n".join((shape.text.heading, *shape.text.lines))),
            "tooltip": _lines("\n".join(shape.text.title)),
            "fontname": '"monospace"',
            **_SHAPES[shape.text.kind],
        },
        lambda box: {"label": _lines(box.label), "tooltip": _lines(box.key or box.label)},
        lambda link: {"tooltip": _lines("\n".join(link.values))},
    )
    return "\n".join(lines) + "\n"


def _lines(text: str) -> str:
    """Several lines as one string of the language."""
    return '"' + "\\n".join(quoted(line)[1:-1] for line in text.split("\n")) + '"'
