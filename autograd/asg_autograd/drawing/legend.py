"""The legend of a drawing: what of all shapes, colours and lines stands in it."""

from asg_autograd.drawing.leaves import Kind
from asg_autograd.drawing.palette import PART_COLORS
from asg_autograd.drawing.picture import Picture
from asg_autograd.drawing.texts import text_width

__all__ = ["LEGEND_MARGIN", "legend_rows"]

LEGEND_MARGIN = 22
_SAMPLE, _GAP = 36, 22
_SIZE = 11
_WORDS = {
    Kind.INPUT: "input",
    Kind.PARAMETER: "parameter",
    Kind.OPERATION: "primitive op",
    Kind.COMPOSITE: "composite op",
    Kind.OUTPUT: "output",
    Kind.SCOPE: "scope, collapsed",
    Kind.OUTSIDE: "outside the scope",
}


def legend_rows(picture: Picture, width: float) -> list[list[tuple[float, str, str]]]:
    """The legend in rows that are at most so wide: where each entry begins, the class of its sample, and its words."""
    rows: list[list[tuple[float, str, str]]] = [[]]
    x = 0.0
    for sample, words in _entries(picture):
        needed = _SAMPLE + text_width(words, _SIZE)
        if rows[-1] and x + needed > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, sample, words))
        x += needed + _GAP
    return rows


def _entries(picture: Picture) -> list[tuple[str, str]]:
    """The class of each entry's sample, and its words."""
    kinds = {shape.text.kind for shape in picture.shapes}
    numbers = sorted({shape.part for shape in picture.shapes})
    parts = [(f"part-{number % PART_COLORS}", picture.parts[number].label) for number in numbers if len(numbers) > 1]
    ends = ((picture.shapes[link.source].part, picture.shapes[link.target].part) for link in picture.links)
    lines = [("between", "from one part to another")] if any(source != target for source, target in ends) else []
    dead = [("dead", "needed by no output")] if not all(shape.live for shape in picture.shapes) else []
    return [*((kind.value, _WORDS[kind]) for kind in Kind if kind in kinds), *parts, *lines, *dead]
