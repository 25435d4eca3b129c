"""A picture as SVG: shapes in nested groups of boxes, links, a heading and a legend."""

from collections.abc import Iterator
from html import escape

from asg_autograd.drawing.layout import (
    BOX_SIZE,
    LINE_HEIGHT,
    PADDING,
    Frame,
    Layout,
    Path,
    Point,
    laid_out,
    shown_lines,
)
from asg_autograd.drawing.leaves import Kind
from asg_autograd.drawing.legend import LEGEND_MARGIN, legend_rows
from asg_autograd.drawing.palette import PART_COLORS, style_sheet
from asg_autograd.drawing.picture import Box, Link, Picture, Shape
from asg_autograd.drawing.texts import printable, shortened, text_width

__all__ = ["write_svg"]

_MARGIN = 14
_HEADING, _NOTE = 13, 11
_LEAST_WIDTH = 480
_NAMED_BY = {Kind.OUTPUT: "data-output", Kind.SCOPE: "data-scope", Kind.OUTSIDE: "data-outside"}
_MOST_CHARACTERS = 40


def write_svg(picture: Picture) -> str:
    """A picture as SVG, laid out.

    Raises:
        TransformError: the library that computes layouts is not installed.
    """
    layout = laid_out(picture)
    head = _heading_lines(picture)
    inner = max(layout.width, _LEAST_WIDTH, *(text_width(line, size) for line, size in head))
    top = _MARGIN + len(head) * (LINE_HEIGHT + 2) + 8
    rows = legend_rows(picture, inner)
    width = inner + 2 * _MARGIN
    height = top + layout.height + LEGEND_MARGIN + len(rows) * (LINE_HEIGHT + 10) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}" role="img">',
        _title([picture.heading, *picture.notes]),
        f"<style>\n{style_sheet()}</style>",
        f'<rect class="ground" width="{_n(width)}" height="{_n(height)}"/>',
        *_heading(head),
        f'<g transform="translate({_n(_MARGIN + (inner - layout.width) / 2)} {_n(top)})">',
        *(_link(picture, link, path) for link, path in zip(picture.links, layout.paths, strict=True)),
        *_boxes(picture, layout),
        "</g>",
        f'<g class="legend" transform="translate({_MARGIN} {_n(top + layout.height + LEGEND_MARGIN)})">',
        *_legend(rows),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _n(number: float) -> str:
    """A number with at most one decimal."""
    return f"{round(number, 1):g}" if abs(number) < 100_000 else str(round(number))


def _text(text: str) -> str:
    return escape(printable(text))


def _title(lines: list[str] | tuple[str, ...]) -> str:
    return f"<title>{'&#10;'.join(map(_text, lines))}</title>"


def _heading_lines(picture: Picture) -> list[tuple[str, int]]:
    return [(shortened(picture.heading, 80), _HEADING), *((shortened(note, 120), _NOTE) for note in picture.notes)]


def _heading(lines: list[tuple[str, int]]) -> Iterator[str]:
    for place, (line, size) in enumerate(lines):
        kind = ' class="heading"' if size == _HEADING else ""
        yield f'<text{kind} x="{_MARGIN}" y="{_MARGIN + 11 + place * (LINE_HEIGHT + 2)}">{escape(line)}</text>'


def _boxes(picture: Picture, layout: Layout) -> Iterator[str]:
    """The boxes as nested groups, with their shapes."""
    frames = {id(box): frame for box, frame in layout.boxes}
    stack: list[Box | str] = list(reversed(picture.boxes))
    while stack:
        box = stack.pop()
        if isinstance(box, str):
            yield box
            continue
        color = f"part-{box.part % PART_COLORS}"
        kind = f"box {color}" if box.key else f"part {color}"
        named = f' data-scope="{_text(box.key)}"' if box.key else f' data-part="{_text(picture.parts[box.part].label)}"'
        yield f'<g class="{kind}"{named}>'
        if id(box) in frames:
            yield from _frame(box, frames[id(box)])
        for index in box.shapes:
            yield from _shape(picture.shapes[index], layout.shapes[index])
        stack.append("</g>")
        stack.extend(reversed(box.boxes))


def _frame(box: Box, frame: Frame) -> Iterator[str]:
    yield _title([box.key or box.label])
    yield f'<rect class="frame" {_rectangle(frame)} rx="7"/>'
    label = shortened(box.label, _MOST_CHARACTERS)
    yield f'<text class="label" x="{_n(frame.x + PADDING)}" y="{_n(frame.y + BOX_SIZE + 5)}">{escape(label)}</text>'


def _rectangle(frame: Frame) -> str:
    return f'x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}" height="{_n(frame.height)}"'


def _shape(shape: Shape, frame: Frame) -> Iterator[str]:
    kind = shape.text.kind
    classes = f"{kind.value}{'' if shape.live else ' dead'}"
    named = _NAMED_BY.get(kind, "data-id")
    yield f'<g class="{classes}" {named}="{_text(shape.key)}">{_title(shape.text.title)}'
    yield from outline(kind, frame)
    x, lines = _n(frame.x + frame.width / 2), shown_lines(shape)
    first = frame.y + (frame.height - len(lines) * LINE_HEIGHT) / 2 + LINE_HEIGHT - 4
    for place, (line, _) in enumerate(lines):
        style = ' class="heading"' if place == 0 else ""
        yield f'<text{style} x="{x}" y="{_n(first + place * LINE_HEIGHT)}" text-anchor="middle">{escape(line)}</text>'
    yield "</g>"


def outline(kind: Kind, frame: Frame) -> Iterator[str]:
    """The outline of a shape."""
    x, y, width, height = frame
    if kind is Kind.INPUT:
        corners = [(x + 8, y), (x + width, y), (x + width - 8, y + height), (x, y + height)]
        yield f'<polygon class="shape" points="{_corners([Point(*corner) for corner in corners])}"/>'
        return
    if kind is Kind.SCOPE:
        yield f'<rect class="shape" {_rectangle(Frame(x + 4, y + 4, width - 4, height - 4))} rx="3"/>'
        yield f'<rect class="shape" {_rectangle(Frame(x, y, width - 4, height - 4))} rx="3"/>'
        return
    radius = {Kind.OUTPUT: height / 2, Kind.PARAMETER: 0, Kind.OUTSIDE: height / 2}.get(kind, 4)
    yield f'<rect class="shape" {_rectangle(frame)} rx="{_n(min(radius, 16))}"/>'
    if kind is Kind.COMPOSITE:
        yield f'<rect class="shape" {_rectangle(Frame(x + 3, y + 3, width - 6, height - 6))} rx="2"/>'
    if kind is Kind.PARAMETER:
        yield f'<path class="shape" d="M{_n(x + 5)} {_n(y)}v{_n(height)}M{_n(x + width - 5)} {_n(y)}v{_n(height)}"/>'


def _link(picture: Picture, link: Link, path: Path) -> str:
    source, target = picture.shapes[link.source], picture.shapes[link.target]
    classes = ["link", f"part-{target.part % PART_COLORS}"]
    if source.part != target.part:
        classes.append("between")
    if source.text.kind is Kind.PARAMETER:
        classes.append("from-parameter")
    way = _curve(path.curve)
    head = f'<polygon class="arrow" points="{_corners(path.arrow)}"/>' if path.arrow else ""
    return (
        f'<g class="{" ".join(classes)}" data-from="{_text(source.key)}" data-to="{_text(target.key)}">'
        f'{_title(link.values)}<path class="line" d="{way}"/>{head}<path class="reach" d="{way}"/></g>'
    )


def _curve(points: tuple[Point, ...]) -> str:
    rest = " ".join(f"{_n(point.x)} {_n(point.y)}" for point in points[1:])
    return f"M{_n(points[0].x)} {_n(points[0].y)}C{rest}"


def _corners(points: list[Point] | tuple[Point, ...]) -> str:
    return " ".join(f"{_n(point.x)},{_n(point.y)}" for point in points)


def _legend(rows: list[list[tuple[float, str, str]]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        y = number * (LINE_HEIGHT + 10)
        for x, sample, words in row:
            yield from _sample(sample, x, y)
            yield f'<text x="{_n(x + 36)}" y="{_n(y + 12)}">{escape(words)}</text>'


def _sample(sample: str, x: float, y: float) -> Iterator[str]:
    """A small example of a shape, a part's colour or a line."""
    kinds = {kind.value: kind for kind in Kind}
    if sample in kinds:
        yield f'<g class="part-0"><g class="{sample}">'
        yield from outline(kinds[sample], Frame(x, y, 28, 16))
        yield "</g></g>"
    elif sample == "dead":
        frame = _rectangle(Frame(x, y, 28, 16))
        yield f'<g class="part-0"><g class="dead"><rect class="shape" {frame} rx="4"/></g></g>'
    elif sample.startswith("part-"):
        yield f'<g class="part {sample}"><rect class="frame" {_rectangle(Frame(x, y, 28, 16))} rx="4"/></g>'
    else:
        yield f'<g class="{sample} part-0"><path class="line" d="M{_n(x)} {_n(y + 8)}h28"/></g>'
