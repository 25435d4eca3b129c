"""What a drawing shows of a document when nothing is collapsed: its leaves, and the uses of values between them."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple, TypeAlias

from asg_autograd.drawing.parts import PartedDocument, without_prefix
from asg_autograd.errors import TransformError
from asg_schema.composite import Composite
from asg_schema.document import Document
from asg_schema.op import Op
from asg_schema.parts import Input, Output, Parameter
from asg_schema.roles import GradientRole, StateUpdateRole
from asg_schema.traversal import live_nodes, node_of
from asg_schema.wire import nearest

__all__ = ["Kind", "Leaf", "Outside", "Use", "leaves_of", "scope_ends", "uses_of", "within_scope"]


class Kind(Enum):
    """What a shape of a drawing stands for."""

    INPUT = "input"
    PARAMETER = "parameter"
    OPERATION = "operation"
    COMPOSITE = "composite"
    OUTPUT = "output"
    SCOPE = "scope"
    OUTSIDE = "outside"


class Outside(NamedTuple):
    """A value that passes the border of the scope that is drawn.

    Attributes:
        reference: the value.
        uses: how many nodes and outputs outside use it; 0 for a value that comes from outside.
        constant: whether a node without operands yields it.
    """

    reference: str
    uses: int
    constant: bool


_Item: TypeAlias = Input | Parameter | Op | Output | Outside


_KINDS: tuple[tuple[type, Kind], ...] = (
    (Composite, Kind.COMPOSITE),
    (Op, Kind.OPERATION),
    (Input, Kind.INPUT),
    (Parameter, Kind.PARAMETER),
    (Output, Kind.OUTPUT),
    (Outside, Kind.OUTSIDE),
)


class Leaf(NamedTuple):
    """An input, parameter, node or output.

    Attributes:
        key: what it is called in uses; no two leaves have the same.
        item: what it stands for.
        path: its place in the scopes of its part: names, with dots and slashes between them.
        part: the number of its part.
        live: whether an output needs it.
    """

    key: str
    item: _Item
    path: str
    part: int
    live: bool = True

    @property
    def kind(self) -> Kind:
        """What its shape stands for."""
        return next(kind for type, kind in _KINDS if isinstance(self.item, type))

    @property
    def is_constant(self) -> bool:
        """Whether it is a node without operands, or its value."""
        item = self.item
        return item.constant if isinstance(item, Outside) else isinstance(item, Op) and not item.inputs

    @property
    def scope_ends(self) -> list[int]:
        """Where in its path the scopes end that it stands in, the outermost first.

        Inputs and outputs are the interface and stand in none, but for outputs of which a role says where they belong.
        """
        if isinstance(self.item, Op | Parameter):
            return scope_ends(self.path)
        return scope_ends(self.path) if self.path != self.name and isinstance(self.item, Output) else []

    @property
    def name(self) -> str:
        """What the document calls it."""
        if isinstance(self.item, Outside):
            return self.item.reference
        return self.item.name if isinstance(self.item, Output) else self.item.id


class Use(NamedTuple):
    """A value, where it comes from and what uses it, as keys of leaves."""

    source: str
    target: str
    reference: str


def leaves_of(document: Document, parted: PartedDocument) -> list[Leaf]:
    """The leaves of a valid document, in its order."""
    live = {node.id for node in live_nodes(document)}
    leaves = [Leaf(item.id, item, item.id, parted.values[item.id]) for item in document.inputs]
    leaves += [Leaf(item.id, item, item.id, parted.values[item.id]) for item in document.parameters]
    for node in document.nodes:
        part = parted.values[node.id]
        leaves.append(Leaf(node.id, node, without_prefix(node.id) if part else node.id, part, node.id in live))
    leaves += [
        Leaf(_output_key(item), item, _output_path(item), parted.outputs[item.name]) for item in document.outputs
    ]
    return leaves


def uses_of(document: Document) -> Iterator[Use]:
    """The uses of values in a document."""
    for node in document.nodes:
        for reference in dict.fromkeys(node.inputs):
            yield Use(node_of(reference), node.id, reference)
    for item in document.outputs:
        yield Use(node_of(item.value), _output_key(item), item.value)


def _output_key(output: Output) -> str:
    return f"output {output.name}"  # no id has a space


def _output_path(output: Output) -> str:
    """A gradient stands in the scope of what it is by, a state update in that of its parameter."""
    if isinstance(output.role, GradientRole):
        return output.role.wrt
    return output.role.of if isinstance(output.role, StateUpdateRole) else output.name


def scope_ends(path: str) -> list[int]:
    """Where the scopes that a path names end, the outermost first.

    A name that begins with a digit is no name of a value: `full_0.5` stands in no scope.
    """
    ends = [index for index, item in enumerate(path) if item in "./" and index]
    while ends and not (path[ends[-1] + 1 : ends[-1] + 2].isalpha() or path.startswith("_", ends[-1] + 1)):
        ends.pop()
    return ends


def within_scope(leaves: list[Leaf], uses: Iterable[Use], scope: str) -> tuple[list[Leaf], list[Use]]:
    """The leaves in a scope, with the values that come in and go out; their paths begin inside it.

    Args:
        leaves: all leaves of a document.
        uses: all uses.
        scope: a beginning of ids up to a dot or a slash, such as `block.0`; in a part of derivatives without `grad.`,
            or with it, where the derivative alone is meant.

    Raises:
        TransformError: nothing is in such a scope.
    """
    prefix = scope.rstrip("./")
    length = len(prefix)
    inside = {
        leaf.key: leaf._replace(path=_inner_path(leaf, prefix))
        for leaf in leaves
        if _begins(leaf.path, prefix) or _begins(leaf.key, prefix)
    }
    if not inside or not length:
        raise _no_scope(leaves, scope)
    chosen = list(inside.values())
    constants = {leaf.key for leaf in leaves if leaf.is_constant}
    kept: list[Use] = []
    comes: dict[str, Leaf] = {}
    leaving: dict[str, int] = {}
    for use in uses:
        if use.target in inside:
            if use.source not in inside and use.reference not in comes:
                item = Outside(use.reference, 0, use.source in constants)
                comes[use.reference] = Leaf(f"from {use.reference}", item, use.reference, inside[use.target].part)
            kept.append(use if use.source in inside else use._replace(source=f"from {use.reference}"))
        elif use.source in inside:
            leaving[use.reference] = leaving.get(use.reference, 0) + 1
    for reference, count in leaving.items():
        source = inside[node_of(reference)]
        key = f"to {reference}"
        chosen.append(Leaf(key, Outside(reference, count, constant=False), reference, source.part))
        kept.append(Use(source.key, key, reference))
    return [*comes.values(), *chosen], kept


def _begins(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (".", "/")


def _inner_path(leaf: Leaf, prefix: str) -> str:
    path = leaf.path if _begins(leaf.path, prefix) else leaf.key
    return path[len(prefix) + 1 :]


def _no_scope(leaves: Iterable[Leaf], scope: str) -> TransformError:
    known = dict.fromkeys(leaf.path[:end] for leaf in leaves for end in leaf.scope_ends)
    return TransformError(f'the document has no scope "{scope}"{nearest(scope, known)}')
