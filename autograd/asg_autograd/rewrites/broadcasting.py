"""Rewrites by which nothing is repeated that is broadcast anyway."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import (
    Add,
    Divide,
    Maximum,
    Minimum,
    Multiply,
    Pow,
    Remainder,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Atan2
from asg_schema.ops.layout import BroadcastTo, Reshape

__all__: list[str] = []


_BROADCASTING: tuple[type[Op], ...] = (
    *(Add, Subtract, Multiply, Divide, Pow, Maximum, Minimum, Remainder, Atan2, Where),
    *(Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalXor),
)


_SOURCES = (Full, BroadcastTo, Reshape)
"""What may repeat a value, or only put axes of size 1 before its own."""


@rewrite(*_BROADCASTING, of=_SOURCES)
def operand_that_is_broadcast_anyway(node: Op, at: Candidate) -> Value | None:
    """Rewrite op(broadcast_to(a), b) as op(a, b). Requires that the result keeps its shape."""
    changed = list(at.operands)
    for index, operand in enumerate(changed):
        source = _before_broadcast(operand, at)
        if source is None:
            continue
        shapes = [other.shape for other in changed]
        shapes[index] = source.shape
        if broadcast_shapes(shapes) == at.result.shape:
            changed[index] = source
    return None if changed == list(at.operands) else type(node).of(*changed)


@rewrite(*_BROADCASTING, of=(BroadcastTo,))
def broadcast_behind_op(node: Op, at: Candidate) -> Value | None:
    """Rewrite op(broadcast_to(a), broadcast_to(b)) as broadcast_to(op(a, b)), which is computed of fewer elements.

    Requires that the result of op(a, b) is smaller, and that what was repeated has no other use.
    """
    sources: list[Value] = []
    for operand in at.operands:
        source = _before_broadcast(operand, at)
        if source is not None and isinstance(at.definition(operand), BroadcastTo) and at.editor.is_used(operand):
            return None
        sources.append(operand if source is None else source)
    if broadcast_shapes([source.shape for source in sources]) == at.result.shape:
        return None
    return BroadcastTo.of(type(node).of(*sources), shape=at.result.shape)


def _before_broadcast(value: Value, at: Candidate) -> Value | None:
    """What was repeated, or only got axes of size 1 put before its own, to make `value`."""
    if not isinstance(at.definition(value), _SOURCES):
        return None
    known = at.editor.before_broadcast
    reference = value.id
    passed: list[str] = []
    while True:
        # From where it was gone before, so that a long chain of broadcasts is gone through once.
        reference = known.get(reference, reference)
        definition = at.editor.definition_of(reference)
        if not isinstance(definition, BroadcastTo) and (
            not isinstance(definition, Reshape) or not _adds_leading_axes(definition, at)
        ):
            break
        passed.append(reference)
        reference = definition.inputs[0]
    known.update(dict.fromkeys(passed, reference))
    if isinstance(definition, Full) and definition.shape:
        return at.editor.full((), definition.value, definition.dtype)
    return None if reference == value.id else at.editor.value(reference)


def _adds_leading_axes(reshape: Reshape, at: Candidate) -> bool:
    source = at.editor.types[reshape.inputs[0]].shape
    added = len(reshape.shape) - len(source)
    return added > 0 and reshape.shape == (1,) * added + source


@rewrite(BroadcastTo, of=(BroadcastTo, Reshape))
def broadcast_of_broadcast(node: BroadcastTo, at: Candidate) -> Value | None:
    """What is broadcast twice, or gets leading axes of size 1 first, is broadcast once."""
    source = _before_broadcast(at.x, at)
    return None if source is None else BroadcastTo.of(source, shape=node.shape)
