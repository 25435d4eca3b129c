"""Whether requests may be computed together: whether each row of a graph's outputs depends on the same row alone.

Rows lie along axis 0 of every input, whose size is one symbol. The proof goes once over the nodes, composites
expanded. A value is `FIXED` if it has nothing to do with the rows, neither its elements nor its shape; it has `ROWS` if
its axis 0 is the symbol, no other axis has the symbol, and its row i depends on the rows i of the inputs and on fixed
values; anything else is not known to keep rows apart, and refuses. An op that is not named here refuses, too.

Most rules need to say nothing but that the result's type has rows: a symbol broadcasts with itself and with 1 alone,
so an axis that was moved, reduced, joined or contracted leaves a type that shows it.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, cast

from asg_executor.plan.traits import is_pointwise
from asg_executor.sessions.selection import selected
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.dims import Dim, SymbolicDim, symbols_of
from asg_schema.document import Document
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import DimSize, Full, Iota
from asg_schema.ops.indexing import Take, TakeAlongAxis
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Sum
from asg_schema.ops.reduction_ordering import Argsort, Sort
from asg_schema.ops.window import Conv, MaxPool, WindowSum
from asg_schema.roles import LossScaleRole, RngKeyRole
from asg_schema.symbolic_dim import symbol
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import live_nodes, node_of, prune

__all__ = ["MixedRowsError", "RowPlan", "plan_rows"]


_LONGEST_SCOPE = 160  # of at most 255 characters of an id
_MOST_EXPANDED = 100_000


class MixedRowsError(Exception):
    """Requests cannot be computed together; the message says why."""


class RowPlan(NamedTuple):
    """How requests are computed together.

    Attributes:
        symbol: the symbol that is the size of axis 0.
        inputs: the inputs that have rows, which are joined along axis 0. Others have no part in the outputs.
    """

    symbol: str
    inputs: tuple[str, ...]


class _Kind(Enum):
    FIXED = "fixed"
    ROWS = "rows"


_Rule = Callable[[Op, Sequence[TensorType], Sequence[_Kind]], bool]
"""Whether rows stay apart, given that the result's type has rows; it gets the operands' types and kinds."""


def plan_rows(document: Document, given: Sequence[str], outputs: Sequence[str]) -> RowPlan:
    """How requests for these outputs are computed together.

    Args:
        document: a valid document.
        given: the inputs that have a value.
        outputs: the outputs that are computed, by name; they depend on no other input.

    Raises:
        MixedRowsError: it cannot be shown that rows stay apart.
    """
    part = prune(selected(document, given), outputs)
    used = {node_of(reference) for node in part.nodes for reference in node.inputs}
    used.update(node_of(output.value) for output in part.outputs)
    data = [item for item in part.inputs if item.id in used and not isinstance(item.role, RngKeyRole | LossScaleRole)]
    if not data:
        raise MixedRowsError("no input has a part in the outputs")
    first = data[0].shape[0] if data[0].shape else None
    names = symbols_of(first) if isinstance(first, SymbolicDim) else frozenset[str]()
    if len(names) != 1 or first != symbol(next(iter(names))):
        raise MixedRowsError(f'axis 0 of the input "{data[0].id}" {data[0].type} is not a symbol')
    (name,) = names
    for item in data:
        if not _has_rows(item.type, name):
            raise MixedRowsError(
                f'the input "{item.id}" {item.type} does not have "{name}" as its axis 0, and only there'
            )
    kinds = _Proof(part, name, [item.id for item in data]).run()
    for output in part.outputs:
        if kinds[output.value] is not _Kind.ROWS:
            raise MixedRowsError(f'the output "{output.name}" has no rows: it does not depend on the inputs')
    return RowPlan(name, tuple(item.id for item in data))


def _mentions(dims: Sequence[Dim], name: str) -> bool:
    return any(isinstance(dim, SymbolicDim) and name in symbols_of(dim) for dim in dims)


def _has_rows(type: TensorType, name: str) -> bool:
    """Whether axis 0 is the symbol, and no other axis mentions it."""
    return bool(type.shape) and type.shape[0] == symbol(name) and not _mentions(type.shape[1:], name)


class _Proof:
    """One pass over a document; composites are expanded in place, their parts next in line."""

    def __init__(self, document: Document, name: str, data: Sequence[str]) -> None:
        self._document = document
        self._name = name
        self._editor: Editor = Editor()
        self._aliases: dict[str, str] = {}
        self._kinds: dict[str, _Kind] = {}
        self._expanded = 0  # nodes of functions
        for item in (*document.inputs, *document.parameters):
            self._editor.types[item.id] = item.type
            self._kinds[item.id] = _Kind.ROWS if item.id in data else _Kind.FIXED

    def run(self) -> Mapping[str, _Kind]:
        """The kind of every value of the document, by reference.

        Raises:
            MixedRowsError: a value's kind is not known.
        """
        document = self._document
        # The ids of later nodes are taken: what an expansion adds must not bear one of them.
        self._editor.types.update((node.id, document.types[node.id]) for node in document.nodes)
        for node in live_nodes(document):
            self._node(node)
        return {
            reference: self._kinds[self._resolve(reference)]
            for reference in (output.value for output in document.outputs)
        }

    def _resolve(self, reference: str) -> str:
        while reference in self._aliases:
            reference = self._aliases[reference]
        return reference

    def _node(self, origin: Op) -> None:
        if isinstance(origin, Call):  # nobody could expand what functions that call functions may have
            self._expanded += origin.linked.expanded_nodes
            if self._expanded > _MOST_EXPANDED:
                raise MixedRowsError(f"its functions have more than {_MOST_EXPANDED:,} nodes with all calls expanded")
        waiting = [origin]
        while waiting:
            node = waiting.pop()
            inputs = tuple(map(self._resolve, node.inputs))
            if inputs != node.inputs:
                node = node.model_copy(update={"inputs": inputs})
            if isinstance(node, Composite):
                waiting.extend(reversed(self._expansion(node)))
                continue
            for reference in node.references():
                self._editor.types.pop(reference, None)  # reserved until now
            results = [value.type for value in self._editor.append(node)]
            self._judge(node, origin, results)

    def _expansion(self, node: Composite) -> list[Op]:
        """The nodes that define a composite. They are taken out of the graph again, so that they can be expanded."""
        editor = self._editor
        start = len(editor.nodes)
        editor.scope = f"{node.id[:_LONGEST_SCOPE]}."
        results = node.expand([editor.value(reference) for reference in node.inputs])
        self._aliases.update((reference, value.id) for reference, value in zip(node.references(), results, strict=True))
        parts = editor.nodes[start:]
        del editor.nodes[start:]
        return parts

    def _judge(self, node: Op, origin: Op, results: Sequence[TensorType]) -> None:
        operands = [self._editor.types[reference] for reference in node.inputs]
        kinds = [self._kinds[reference] for reference in node.inputs]
        mentioned = self._name in node.symbols() or any(_mentions(type.shape, self._name) for type in results)
        if not mentioned and (all(kind is _Kind.FIXED for kind in kinds) or _measures_another_axis(node, operands)):
            kind = _Kind.FIXED
        elif all(_has_rows(type, self._name) for type in results) and _keeps_rows(node, operands, kinds):
            kind = _Kind.ROWS
        else:
            raise MixedRowsError(
                f'node "{origin.id}" ({origin.name}) is not known to keep the rows of "{self._name}" apart'
            )
        self._kinds.update((reference, kind) for reference in node.references())


def _measures_another_axis(node: Op, operands: Sequence[TensorType]) -> bool:
    return isinstance(node, DimSize) and node.axis % operands[0].rank != 0


def _keeps_rows(node: Op, operands: Sequence[TensorType], kinds: Sequence[_Kind]) -> bool:
    if is_pointwise(node):
        return True
    rule = _RULES.get(type(node))
    return rule is not None and rule(node, operands, kinds)


def _always(_node: Op, _operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    return True


def _along_another_axis(node: Op, operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    """The op goes along one axis, which it keeps."""
    axis = cast("CumulativeSum | Sort | Argsort | TakeAlongAxis", node).axis
    return axis % operands[0].rank != 0


def _flip(node: Op, operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    flip = cast("Flip", node)
    return 0 not in flip.axes_of(flip.axis, operands[0].rank)


def _slice(_node: Op, _operands: Sequence[TensorType], kinds: Sequence[_Kind]) -> bool:
    """All rows of what has rows; the first ones of something fixed would depend on where a row stands."""
    return kinds[0] is _Kind.ROWS


def _pad(node: Op, _operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    pad = cast("Pad", node)
    return pad.low[0] == 0 and pad.high[0] == 0 and (pad.interior is None or pad.interior[0] == 0)


def _iota(node: Op, _operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    iota = cast("Iota", node)
    return iota.axis % len(iota.shape) != 0


def _take(_node: Op, _operands: Sequence[TensorType], kinds: Sequence[_Kind]) -> bool:
    """Rows of a table by indices that have rows, or parts of each row; not rows by the indices of other rows."""
    return kinds.count(_Kind.ROWS) == 1


def _conv(node: Op, _operands: Sequence[TensorType], kinds: Sequence[_Kind]) -> bool:
    return cast("Conv", node).batch_groups == 1 and kinds[1] is _Kind.FIXED


def _window(node: Op, operands: Sequence[TensorType], _kinds: Sequence[_Kind]) -> bool:
    return len(cast("WindowSum | MaxPool", node).kernel_size) < operands[0].rank


_RULES: Mapping[type[Op], _Rule] = {
    **dict.fromkeys((Matmul, Sum, Prod, Max, Min, Argmax, Argmin), _always),
    **dict.fromkeys((Reshape, PermuteDims, BroadcastTo, Concat, Full, Barrier), _always),
    **dict.fromkeys((CumulativeSum, Sort, Argsort, TakeAlongAxis), _along_another_axis),
    Flip: _flip,
    Slice: _slice,
    Pad: _pad,
    Iota: _iota,
    Take: _take,
    Conv: _conv,
    WindowSum: _window,
    MaxPool: _window,
}
