"""Where everything stands. Graphviz computes it, from the sizes of shapes alone: no font is asked for anything."""

import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from itertools import count
from typing import Any, NamedTuple, cast

from asg_autograd.drawing.dot import dot_lines
from asg_autograd.drawing.leaves import Kind
from asg_autograd.drawing.picture import Box, Link, Picture, Shape
from asg_autograd.drawing.texts import shortened, text_width
from asg_autograd.errors import TransformError

__all__ = [
    "BOX_SIZE",
    "HEADING_SIZE",
    "LINE_HEIGHT",
    "LINE_SIZE",
    "PADDING",
    "Frame",
    "Layout",
    "Path",
    "Point",
    "laid_out",
    "shown_lines",
]

HEADING_SIZE, LINE_SIZE, BOX_SIZE = 13, 11, 12
LINE_HEIGHT = 15
PADDING = 9
_MOST_CHARACTERS = 40
_SIDES = {Kind.INPUT: 8, Kind.OUTPUT: 6, Kind.PARAMETER: 2, Kind.COMPOSITE: 3, Kind.SCOPE: 4}
_INCH = 72  # of Graphviz's points, each of which is drawn as one unit


class Point(NamedTuple):
    """A place, from the upper left corner."""

    x: float
    y: float


class Frame(NamedTuple):
    """A rectangle, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Path(NamedTuple):
    """A link's way.

    Attributes:
        curve: the points of cubic Bézier curves: a beginning, then three points for each.
        arrow: the corners of the arrow's head.
    """

    curve: tuple[Point, ...]
    arrow: tuple[Point, ...]


class Layout(NamedTuple):
    """Where everything stands, in the order of the picture: boxes as `dot_lines` numbers them.

    Attributes:
        width: of the whole.
        height: of the whole.
        shapes: the frames of shapes.
        boxes: the frames of boxes that have a label, with these.
        paths: the ways of links.
    """

    width: float
    height: float
    shapes: tuple[Frame, ...]
    boxes: tuple[tuple[Box, Frame], ...]
    paths: tuple[Path, ...]


def shown_lines(shape: Shape) -> list[tuple[str, int]]:
    """The lines of a shape as they are drawn, with the size of their letters."""
    lines = [(shape.text.heading, HEADING_SIZE), *((line, LINE_SIZE) for line in shape.text.lines)]
    return [(shortened(line, _MOST_CHARACTERS), size) for line, size in lines]


def laid_out(picture: Picture) -> Layout:
    """The layout of a picture.

    Raises:
        TransformError: the library that computes it is not installed.
    """
    settings = _LONG if len(picture.shapes) > _MOST_COMPARED else _COMPARED
    layout = min((_with(picture, item) for item in settings), key=lambda item: item.width * item.height)
    return _mirrored(layout) if _is_backwards(layout) else layout


_GRAPH = {"rankdir": "TB", "nodesep": "0.22", "ranksep": "0.38", "pad": "0", "splines": "spline"}
# Rows, which Graphviz calls ranks, are those of the whole or of each box; sometimes one is much smaller.
_COMPARED = ({"newrank": "false"}, {"newrank": "true"})
# Of many shapes the first takes minutes. The limits are of iterations: the places become a little worse, and not wrong.
_LONG = ({"newrank": "true", "nslimit": "0.3", "nslimit1": "0.3", "mclimit": "0.1", "searchsize": "10"},)
_MOST_COMPARED = 300


def _with(picture: Picture, settings: Mapping[str, str]) -> Layout:
    source = "\n".join(
        dot_lines(picture, {**_GRAPH, **settings}, _of_shape, _of_box, lambda link: _of_link(picture, link))
    )
    return _read(picture, _computed(source))


def _of_shape(shape: Shape) -> dict[str, str]:
    lines = shown_lines(shape)
    width = max(text_width(line, size) for line, size in lines) + 2 * (PADDING + _SIDES.get(shape.text.kind, 0))
    height = len(lines) * LINE_HEIGHT + PADDING
    return {
        "label": '""',
        "shape": "box",
        "fixedsize": "true",
        "width": f"{width / _INCH:.4f}",
        "height": f"{height / _INCH:.4f}",
    }


def _of_box(box: Box) -> dict[str, str]:
    """The room for a box's label. An empty table has a size without any font."""
    width = round(text_width(shortened(box.label, _MOST_CHARACTERS), BOX_SIZE)) + 2 * PADDING
    table = f'<table border="0" fixedsize="true" width="{width}" height="{LINE_HEIGHT}"><tr><td></td></tr></table>'
    return {"label": f"<{table}>", "labeljust": '"l"', "margin": "10"}


def _of_link(picture: Picture, link: Link) -> dict[str, str]:
    """Links inside a part give it its shape; those between parts only keep their ends apart."""
    apart = picture.shapes[link.source].part != picture.shapes[link.target].part
    return {"arrowsize": "0.6", "weight": "1" if apart else "4"}


def _computed(source: str) -> dict[str, Any]:
    try:
        graphviz: Any = import_module("pygraphviz")  # without types of its own, and not needed for anything else
    except ImportError as error:
        raise TransformError(
            f"a layout needs pygraphviz, which cannot be imported ({error}); install it with: "
            'pip install "asgraph[show]"'
        ) from None
    with redirect_stderr(StringIO()):  # where the library writes that many nodes take long, and nothing else
        drawn: bytes = graphviz.AGraph(string=source).draw(format="json", prog="dot")
    return cast("dict[str, Any]", json.loads(drawn))


def _read(picture: Picture, computed: dict[str, Any]) -> Layout:
    _, _, width, height = map(float, computed["bb"].split(","))
    objects: dict[str, Any] = {item["name"]: item for item in computed.get("objects", ())}
    numbers = {item["_gvid"]: item["name"] for item in objects.values()}
    paths = {(numbers[item["tail"]], numbers[item["head"]]): _path(item, height) for item in computed.get("edges", ())}
    boxes = [(box, _box_frame(objects[f"cluster_{number}"]["bb"], height)) for number, box in _numbered(picture)]
    return Layout(
        width,
        height,
        tuple(_shape_frame(objects[f"n{index}"], height) for index in range(len(picture.shapes))),
        tuple(boxes),
        tuple(paths.get((f"n{a}", f"n{b}")) or paths[f"n{b}", f"n{a}"] for a, b, _ in picture.links),
    )


def _is_backwards(layout: Layout) -> bool:
    """Whether the first part stands to the right of the second."""
    parts = [frame.x + frame.width / 2 for box, frame in layout.boxes if not box.key]
    return len(parts) > 1 and parts[0] > parts[1]


def _mirrored(layout: Layout) -> Layout:
    """The layout with left and right exchanged."""

    def frame(old: Frame) -> Frame:
        return old._replace(x=layout.width - old.x - old.width)

    def points(old: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(Point(layout.width - point.x, point.y) for point in old)

    return layout._replace(
        shapes=tuple(map(frame, layout.shapes)),
        boxes=tuple((box, frame(old)) for box, old in layout.boxes),
        paths=tuple(Path(points(old.curve), points(old.arrow)) for old in layout.paths),
    )


def _numbered(picture: Picture) -> Iterator[tuple[int, Box]]:
    """The boxes that are clusters, in the order in which `dot_lines` writes them."""
    numbers = count()
    stack = list(reversed(picture.boxes))
    while stack:
        box = stack.pop()
        if box.label:
            yield next(numbers), box
        stack.extend(reversed(box.boxes))


def _shape_frame(item: dict[str, Any], total: float) -> Frame:
    x, y = map(float, item["pos"].split(","))
    width, height = float(item["width"]) * _INCH, float(item["height"]) * _INCH
    return Frame(x - width / 2, total - y - height / 2, width, height)


def _box_frame(corners: str, total: float) -> Frame:
    left, bottom, right, top = map(float, corners.split(","))
    return Frame(left, total - top, right - left, top - bottom)


def _path(item: dict[str, Any], total: float) -> Path:
    curves = [part["points"] for part in item["_draw_"] if part["op"] in "bB"]
    heads = [*item.get("_hdraw_", ()), *item.get("_tdraw_", ())]
    arrows = [part["points"] for part in heads if part["op"] in "pP"]
    return Path(_points(curves[0], total), _points(arrows[0], total) if arrows else ())


def _points(found: list[list[float]], total: float) -> tuple[Point, ...]:
    return tuple(Point(x, total - y) for x, y in found)
