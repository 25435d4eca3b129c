"""Figures of a document: how many ops of which kind, how much they compute, how large values are, how deep it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import NamedTuple

from asg_schema.cost import VIEWS
from asg_schema.cost_formula import operations_formula
from asg_schema.dims import Dim, bind_dim, element_count, substitute_dim, symbols_of
from asg_schema.document import Document
from asg_schema.errors import AsgError, DimError
from asg_schema.op import Op
from asg_schema.symbolic_dim import sum_of
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import node_of
from asg_schema.wire import nearest

__all__ = ["Figures", "LargeValue", "Statistics", "name_scope", "statistics"]

# What transforms put before the id of the node that something belongs to, so that the scope is in the next part.
_DERIVED = ("grad", "tangent", "vmap")
_CONSTANT = "full_"  # how the id of a constant begins, which may end with a number such as 0.5
_MOST_VALUES = 5
_USUAL_SIZE = 1000  # of a symbol, where sizes that depend on it are put in order


class Figures(NamedTuple):
    """What some nodes amount to.

    Attributes:
        nodes: how many there are.
        operations: their arithmetic, in operations on one element, for sizes that are not small.
        uncounted: how many of them have a cost that is no polynomial in the symbols, and is not in `operations`.
        bytes: the size of their results.
    """

    nodes: int
    operations: Dim
    uncounted: int
    bytes: Dim


class LargeValue(NamedTuple):
    """A value that is among the largest.

    Attributes:
        reference: what it is called.
        type: its type.
        bytes: its size.
    """

    reference: str
    type: TensorType
    bytes: Dim


class Statistics(NamedTuple):
    """Figures of a document. Dims hold symbols that were given no size.

    Attributes:
        total: all nodes.
        ops: the nodes of each op, by its name; the most numerous first.
        scopes: the nodes of each name scope, in the order in which they begin; "" has those without a scope.
        parameters: the number of parameters; `elements` and `parameter_bytes` how large they are together.
        depth: how many nodes stand on the longest path from an input or parameter to a node.
        largest: the largest results of nodes.
    """

    total: Figures
    ops: dict[str, Figures]
    scopes: dict[str, Figures]
    parameters: int
    elements: int
    parameter_bytes: int
    depth: int
    largest: list[LargeValue]


def statistics(document: Document, symbols: Mapping[str, int] | None = None) -> Statistics:
    """The figures of a valid document.

    Args:
        document: a valid document.
        symbols: sizes of symbols; figures are formulas in the others.

    Raises:
        AsgError: the document has no such symbol, or a size is below 0, or an op cannot be applied to such sizes.
    """
    known = {name for item in document.inputs for dim in item.shape for name in symbols_of(dim)}
    sizes = dict(symbols or {})
    for name, size in sizes.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            hint = nearest(name, known) or f"; its symbols are {listed}"
            raise AsgError(f'the document has no symbol "{name}"{hint}')
        if size < 0:
            raise AsgError(f"the symbol {name} is {size}; a size of at least 0 is needed")
    bound = _Types(document, sizes)
    counted = [(node, *_cost(node, bound)) for node in document.nodes]
    elements = [prod(item.shape) for item in document.parameters]
    return Statistics(
        total=_figures(counted),
        ops=_by(counted, lambda node: node.name, most_first=True),
        scopes=_by(counted, lambda node: name_scope(node.id)),
        parameters=len(document.parameters),
        elements=sum(elements),
        parameter_bytes=sum(
            count * item.dtype.itemsize for count, item in zip(elements, document.parameters, strict=True)
        ),
        depth=_depth(document.nodes),
        largest=_largest(document, bound),
    )


def name_scope(id: str) -> str:
    """The name scope of a node: what stands before the first dot of its id, or nothing.

    For what a transform adds, it is what the transform adds it for: `grad.block` of `grad.block.matmul`.
    """
    first, dot, rest = id.partition(".")
    if not dot or first.startswith(_CONSTANT):
        return ""
    second, further, _ = rest.partition(".")
    if further and first.rstrip("0123456789") in _DERIVED and not second.startswith(_CONSTANT):
        return f"{first}.{second}"
    return first


_Counted = tuple[Op, Dim | None, Dim]
"""A node, its operations and the bytes of its results."""


class _Types:
    """The types of a document's values with sizes in place of symbols."""

    def __init__(self, document: Document, sizes: Mapping[str, int]) -> None:
        self._types = document.types
        self._sizes = sizes
        self._bound: dict[TensorType, TensorType] = {}

    def of(self, reference: str) -> TensorType:
        type = self._types[reference]
        if (found := self._bound.get(type)) is None:
            try:
                shape = tuple(substitute_dim(dim, self._sizes) for dim in type.shape)
            except ZeroDivisionError:
                shape = (-1,)
            if any(isinstance(dim, int) and dim < 0 for dim in shape):
                said = ", ".join(f"{name} = {size}" for name, size in self._sizes.items())
                raise AsgError(f'"{reference}" {type} has no size with {said}')
            found = self._bound[type] = TensorType(type.dtype, shape)
        return found

    def node(self, node: Op) -> Op:
        return node.substitute(self._sizes)


def _cost(node: Op, types: _Types) -> tuple[Dim | None, Dim]:
    results = [types.of(reference) for reference in node.references()]
    size = sum_of(map(_bytes, results))
    if type(node) in VIEWS:
        return 0, size
    return operations_formula(types.node(node), [types.of(reference) for reference in node.inputs], results), size


def _bytes(type: TensorType) -> Dim:
    return element_count(type.shape) * type.dtype.itemsize


def _figures(counted: Iterable[_Counted]) -> Figures:
    items = list(counted)
    return Figures(
        nodes=len(items),
        operations=_sum(operations for _, operations, _ in items if operations is not None),
        uncounted=sum(operations is None for _, operations, _ in items),
        bytes=_sum(size for _, _, size in items),
    )


def _sum(dims: Iterable[Dim]) -> Dim:
    """The sum, with equal dims counted first: a document repeats few."""
    try:
        return sum_of(dim * count for dim, count in Counter(dims).items())
    except DimError as error:
        raise AsgError(f"the figures as formulas are too long: {error}; give symbols a size") from None


def _by(counted: Iterable[_Counted], key: Callable[[Op], str], most_first: bool = False) -> dict[str, Figures]:
    groups: dict[str, list[_Counted]] = {}
    for item in counted:
        groups.setdefault(key(item[0]), []).append(item)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])) if most_first else groups.items()
    return {name: _figures(items) for name, items in ordered}


def _depth(nodes: Iterable[Op]) -> int:
    depths: dict[str, int] = {}
    for node in nodes:
        depths[node.id] = 1 + max((depths.get(node_of(reference), 0) for reference in node.inputs), default=0)
    return max(depths.values(), default=0)


def _largest(document: Document, types: _Types) -> list[LargeValue]:
    values = [
        LargeValue(reference, type, _bytes(type))
        for node in document.nodes
        for reference in node.references()
        for type in [types.of(reference)]
    ]
    usual = dict.fromkeys(
        (name for item in document.inputs for dim in item.shape for name in symbols_of(dim)), _USUAL_SIZE
    )
    weights = {size: _weight(size, usual) for size in {value.bytes for value in values}}
    return sorted(values, key=lambda value: -weights[value.bytes])[:_MOST_VALUES]


def _weight(size: Dim, usual: Mapping[str, int]) -> int:
    try:
        return bind_dim(size, usual)
    except ZeroDivisionError:
        return 0
