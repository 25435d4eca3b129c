"""What is drawn of a document: shapes, boxes around them and links between them, before anything has a place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from asg_autograd.drawing.leaves import Leaf, Use, leaves_of, uses_of, within_scope
from asg_autograd.drawing.parts import Part, parted
from asg_autograd.drawing.scopes import Collapsed, Member, Run, Scope, depth_that_fits, members_of, tree_of
from asg_autograd.drawing.shape_texts import ShapeText, text_of
from asg_schema.document import Document
from asg_schema.listing import format_count, summary

__all__ = ["Box", "Link", "Picture", "Shape", "picture_of"]

_MOST_VALUES = 12


class Shape(NamedTuple):
    """One shape.

    Attributes:
        key: what the document calls it, or the path of the scope that it stands for; unique among shapes of its kind
            and part.
        text: what it says.
        part: the number of its part.
        live: whether an output needs it.
    """

    key: str
    text: ShapeText
    part: int
    live: bool


@dataclass(slots=True)
class Box:
    """A frame around shapes: a scope, or a whole part.

    Attributes:
        key: the path of the scope; empty for a part.
        label: what to call it; empty for a part that is the only one.
        part: the number of its part.
        shapes: the numbers of the shapes directly inside.
        boxes: the boxes directly inside.
    """

    key: str
    label: str
    part: int
    shapes: list[int] = field(default_factory=list[int])
    boxes: list["Box"] = field(default_factory=list["Box"])


class Link(NamedTuple):
    """The values that one shape has from another, each as a line of text: what it is called, and its type."""

    source: int
    target: int
    values: tuple[str, ...]


class Picture(NamedTuple):
    """All that is drawn.

    Attributes:
        heading: what the drawing is called.
        notes: what it is about and what it leaves out, as lines.
        parts: the parts of the document, by number.
        shapes: the shapes; links and boxes name them by their place here.
        boxes: one for each part that has something to show.
        links: the links, each pair of shapes once.
    """

    heading: str
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    shapes: tuple[Shape, ...]
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


class _Arranged(NamedTuple):
    """What is shown, by its number, and where: for each leaf the number of what shows it."""

    members: list[tuple[Member, Scope, int]]
    boxes: list[Box]
    places: dict[str, int]


def picture_of(document: Document, depth: int | None, scope: str | None, max_nodes: int) -> Picture:
    """What is drawn of a valid document.

    Args:
        document: the document.
        depth: how many levels of boxes may be open; None: as many as `max_nodes` allows.
        scope: the scope to draw; None: the whole document.
        max_nodes: how many shapes there may be.

    Raises:
        TransformError: there is no such scope.
    """
    parts = parted(document)
    leaves, uses = leaves_of(document, parts), list(uses_of(document))
    if scope is not None:
        leaves, uses = within_scope(leaves, uses, scope)
    roots = _roots(leaves)
    fitting = depth_that_fits(list(roots.values()), max_nodes)
    arranged = _arranged(roots, parts.parts, fitting if depth is None else min(depth, fitting), max_nodes)
    gathered = _gathered(uses, arranged.places)
    coming, leaving = _passing(gathered, len(arranged.members))
    constants = _constants_without_lines(arranged, gathered)
    named: dict[int, list[str]] = {}
    for source, target in gathered:
        if source in constants:
            named.setdefault(target, []).append(constants[source])
    types = document.types
    shapes = [
        Shape(
            _key(member),
            text_of(member, within, types, coming[index], leaving[index], named.get(index, ())),
            part,
            _is_live(member),
        )
        for index, (member, within, part) in enumerate(arranged.members)
    ]
    links = [Link(*ends, _values(found, types)) for ends, found in gathered.items() if ends[0] not in constants]
    shown = f"{document.name}: {scope}" if scope else document.name
    notes = [summary(document), *_what_is_left_out(arranged, leaves)]
    if constants:
        notes.append('constants that are used elsewhere have no lines; what uses one says "with" it')
    return Picture(shown, tuple(notes), parts.parts, tuple(shapes), tuple(arranged.boxes), tuple(links))


def _roots(leaves: Iterable[Leaf]) -> dict[int, Scope]:
    """The scopes of each part that has leaves."""
    by_part: dict[int, list[Leaf]] = {}
    for leaf in leaves:
        by_part.setdefault(leaf.part, []).append(leaf)
    return {part: tree_of(by_part[part]) for part in sorted(by_part)}


def _arranged(roots: Mapping[int, Scope], parts: Sequence[Part], depth: int, most: int) -> _Arranged:
    """Boxes for the scopes that are open, and what stands in them."""
    arranged = _Arranged([], [], {})
    for part, root in roots.items():
        outermost = Box("", parts[part].label if len(roots) > 1 else "", part)
        arranged.boxes.append(outermost)
        stack = [(root, outermost)]
        while stack:
            scope, box = stack.pop()
            for member in members_of(scope, depth, max(1, most // len(roots))):
                if isinstance(member, Scope):
                    box.boxes.append(Box(member.path, scope.label(member.path), part))
                    stack.append((member, box.boxes[-1]))
                    continue
                box.shapes.append(len(arranged.members))
                arranged.places.update((leaf.key, len(arranged.members)) for leaf in _leaves(member))
                arranged.members.append((member, scope, part))
    return arranged


def _leaves(member: Member) -> Iterable[Leaf]:
    if isinstance(member, Leaf):
        return (member,)
    if isinstance(member, Run):
        return (leaf for inner in member.members for leaf in _leaves(inner))
    return (member.scope if isinstance(member, Collapsed) else member).all_leaves()


def _gathered(uses: Iterable[Use], places: Mapping[str, int]) -> dict[tuple[int, int], list[str]]:
    """The values between each two shapes."""
    found: dict[tuple[int, int], dict[str, None]] = {}
    for use in uses:
        ends = places[use.source], places[use.target]
        if ends[0] != ends[1]:
            found.setdefault(ends, {})[use.reference] = None
    return {ends: list(references) for ends, references in found.items()}


def _passing(
    gathered: Mapping[tuple[int, int], Iterable[str]], count: int
) -> tuple[list[dict[str, None]], list[dict[str, None]]]:
    """The values that come into each shape, and those that leave it."""
    coming: list[dict[str, None]] = [{} for _ in range(count)]
    leaving: list[dict[str, None]] = [{} for _ in range(count)]
    for (source, target), references in gathered.items():
        coming[target].update(dict.fromkeys(references))
        leaving[source].update(dict.fromkeys(references))
    return coming, leaving


def _constants_without_lines(arranged: _Arranged, gathered: Iterable[tuple[int, int]]) -> dict[int, str]:
    """What to call the nodes without operands that several shapes use, or one in another box.

    Lines from them would lie across everything.
    """
    users: dict[int, list[int]] = {}
    for source, target in gathered:
        users.setdefault(source, []).append(target)
    found: dict[int, str] = {}
    for source, targets in users.items():
        member, scope, _ = arranged.members[source]
        elsewhere = len(targets) > 1 or arranged.members[targets[0]][1] is not scope
        if elsewhere and isinstance(member, Leaf) and member.is_constant:
            found[source] = member.path
    return found


def _values(references: Sequence[str], types: Mapping[str, object]) -> tuple[str, ...]:
    shown = [f"{reference}: {types[reference]}" for reference in references[:_MOST_VALUES]]
    hidden = len(references) - len(shown)
    return (*shown, *([f"and {format_count(hidden, 'more value')}"] if hidden else []))


def _key(member: Member) -> str:
    if isinstance(member, Leaf):
        return member.name
    if isinstance(member, Run):
        return f"{_key(member.members[0])} … {_key(member.members[-1])}"
    return (member.scope if isinstance(member, Collapsed) else member).path


def _is_live(member: Member) -> bool:
    return any(leaf.live for leaf in _leaves(member))


def _what_is_left_out(arranged: _Arranged, leaves: Sequence[Leaf]) -> list[str]:
    together = sum(not isinstance(member, Leaf) for member, _, _ in arranged.members)
    if not together:
        return []
    hidden = len(leaves) - (len(arranged.members) - together)
    return [
        f"{format_count(hidden, 'value')} in {format_count(together, 'scope')} drawn as one shape each; "
        "--scope, --depth and --max-nodes show more"
    ]
