"""What a shape says: the few lines inside it, and all the rest that is shown when a pointer rests on it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

from asg_autograd.drawing.leaves import Kind, Leaf, Outside
from asg_autograd.drawing.scopes import Collapsed, Member, Run, Scope
from asg_schema.composite import Composite
from asg_schema.listing import format_attributes, format_call, format_count, format_output, format_part, format_role
from asg_schema.op import Op
from asg_schema.parts import Input, Output, Parameter
from asg_schema.roles import GradientRole, StateUpdateRole
from asg_schema.tensor_type import TensorType

__all__ = ["ShapeText", "text_of"]

_MOST_CONSTANTS = 3
_IN_THE_TYPE = ("dtype", "shape")
_MOST_TYPES, _MOST_OPS = 2, 12
_OF_ITS_SCOPE = (GradientRole, StateUpdateRole)


class ShapeText(NamedTuple):
    """What a shape says.

    Attributes:
        kind: what it stands for.
        heading: its first line.
        lines: what stands below, in smaller letters.
        title: what is shown when a pointer rests on it.
    """

    kind: Kind
    heading: str
    lines: tuple[str, ...]
    title: tuple[str, ...]


_Types = Mapping[str, TensorType]


def text_of(
    member: Member,
    within: Scope,
    types: _Types,
    coming: Collection[str],
    leaving: Collection[str],
    constants: Sequence[str] = (),
) -> ShapeText:
    """The text of a shape.

    Args:
        member: what the shape stands for.
        within: the scope in which it stands; its name is not repeated.
        types: the types of the document's values.
        coming: the values that the shape uses.
        leaving: its values that others use.
        constants: what it uses without a link, to be named.
    """
    if isinstance(member, Leaf):
        return _with_constants(_of_leaf(member, within, types), constants)
    if isinstance(member, Run):
        first, last = (_name(member.members[place], within) for place in (0, -1))
        leaves = [leaf for inner in member.members for leaf in _inside(inner)]
        return _of_many(f"{first} … {last}", leaves, types, coming, leaving)
    scope = member.scope if isinstance(member, Collapsed) else member
    return _of_many(within.label(scope.path), list(scope.all_leaves()), types, coming, leaving)


def _with_constants(text: ShapeText, constants: Sequence[str]) -> ShapeText:
    named = [f"with {name}" for name in _at_most(constants, _MOST_CONSTANTS, "constant")]
    return text._replace(lines=(*text.lines[:-1], *named, *text.lines[-1:])) if named else text


def _name(member: Leaf | Collapsed, within: Scope) -> str:
    return member.label if isinstance(member, Collapsed) else within.label(member.path)


def _inside(member: Leaf | Collapsed) -> Iterable[Leaf]:
    return (member,) if isinstance(member, Leaf) else member.scope.all_leaves()


def _of_leaf(leaf: Leaf, within: Scope, types: _Types) -> ShapeText:
    item, name = leaf.item, within.label(leaf.path)
    if isinstance(item, Op):
        return _of_node(item, name, types, live=leaf.live)
    if isinstance(item, Output):
        # Where the shape stands and what it is called tell the rest of such a role.
        role = format_role(item.role)
        told = role.partition(" by ")[0] if isinstance(item.role, GradientRole) else "state update"
        lines = (told if isinstance(item.role, _OF_ITS_SCOPE) else role, str(types[item.value]))
        return ShapeText(leaf.kind, name, tuple(filter(None, lines)), (format_output(item, types[item.value]),))
    if isinstance(item, Input):
        lines = (format_role(item.role), str(item.type))
        return ShapeText(leaf.kind, name, tuple(filter(None, lines)), (format_part(item),))
    if isinstance(item, Parameter):
        lines = (*(() if item.trainable else ("not trainable",)), str(item.type))
        return ShapeText(leaf.kind, name, lines, (format_part(item),))
    return _of_outside(item, types)


def _of_node(node: Op, name: str, types: _Types, live: bool) -> ShapeText:
    kind = Kind.COMPOSITE if isinstance(node, Composite) else Kind.OPERATION
    attributes = [f"{key}={value}" for key, value in format_attributes(node).items() if key not in _IN_THE_TYPE]
    results = [f"{reference}: {types[reference]}" for reference in node.references()]
    called = [] if name == node.name else [name]
    lines = [*called, *attributes, *(str(types[reference]) for reference in node.references())]
    title = [f"{node.id} = {format_call(node)}", *results, *([] if live else ["no output needs it"])]
    return ShapeText(kind, node.name, tuple(lines), tuple(title))


def _of_outside(item: Outside, types: _Types) -> ShapeText:
    lines = [str(types[item.reference])]
    title = f"{item.reference}: {types[item.reference]}"
    if item.uses:
        lines.insert(0, f"used {format_count(item.uses, 'time')} outside")
    return ShapeText(Kind.OUTSIDE, item.reference, tuple(lines), (title, "outside of the scope that is drawn"))


def _of_many(
    heading: str, leaves: Iterable[Leaf], types: _Types, coming: Collection[str], leaving: Collection[str]
) -> ShapeText:
    """What stands for many: how many of what, and what goes in and out."""
    items = [leaf.item for leaf in leaves]
    ops = Counter(item.name for item in items if isinstance(item, Op))
    parameters = [item for item in items if isinstance(item, Parameter)]
    counts = [
        (sum(ops.values()), "node"),
        (sum(isinstance(item, Input) for item in items), "input"),
        (len(parameters), "parameter"),
        (sum(isinstance(item, Output) for item in items), "output"),
        (sum(isinstance(item, Outside) for item in items), "value"),
    ]
    lines = [format_count(number, noun) for number, noun in counts if number]
    if parameters:
        elements = format_count(sum(prod(item.shape) for item in parameters), "element")
        lines = [f"{line} ({elements})" if "parameter" in line else line for line in lines]
    title = [f"{heading}: {', '.join(lines)}"]
    title += _at_most([f"{op}  {number:,}" for op, number in ops.most_common()], _MOST_OPS, "op")
    for word, references in (("in", coming), ("out", leaving)):
        if references:
            found = _types_of(references, types)
            lines += [f"{word}: {item}" for item in _at_most(found, _MOST_TYPES, "type")]
            title.append(f"{word}: {', '.join(_at_most(found, _MOST_OPS, 'type'))}")
    return ShapeText(Kind.SCOPE, heading, tuple(lines), tuple(title))


def _types_of(references: Iterable[str], types: _Types) -> list[str]:
    """The types of values, the most frequent first, with how many have each."""
    found = Counter(str(types[reference]) for reference in references)
    return [f"{number} of {type}" if number > 1 else type for type, number in found.most_common()]


def _at_most(items: Sequence[str], most: int, noun: str) -> list[str]:
    """The first items, and how many more there are."""
    hidden = len(items) - most
    return [*items[:most], format_count(hidden, f"more {noun}")] if hidden > 0 else list(items)
