"""Rewrites of what chooses: `where`, the larger and the smaller of two, and logic."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import Equal, LogicalAnd, LogicalNot, LogicalOr, NotEqual
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import Maximum, Minimum, Where

__all__: list[str] = []


@rewrite(Where, of=(Full,))
def where_decided(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(true, a, b) as a, and where(false, a, b) as b. Requires that it has the type of the result."""
    condition, a, b = at.operands
    value = at.constant(condition)
    taken = a if value is True else b if value is False else None
    return taken if taken is not None and taken.type == at.result else None


@rewrite(Where)
def where_indifferent(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(c, a, a) as a. Requires that a has the type of the result."""
    _, a, b = at.operands
    return a if a.id == b.id and a.type == at.result else None


@rewrite(Where, of=(Where,))
def where_within_where(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(c, where(c, a, _), b) as where(c, a, b), and likewise on the other side.

    Requires that the result keeps its shape.
    """
    condition, *branches = at.operands
    changed = list(branches)
    for side, branch in enumerate(branches):
        definition = at.definition(branch)
        if isinstance(definition, Where) and definition.inputs[0] == condition.id:
            changed[side] = at.editor.value(definition.inputs[1 + side])
    if changed == branches or broadcast_shapes([value.shape for value in (condition, *changed)]) != at.result.shape:
        return None
    return Where.of(condition, *changed)


@rewrite(Where, of=(LogicalNot,))
def where_not(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(¬c, a, b) as where(c, b, a)."""
    condition, a, b = at.operands
    definition = at.definition(condition)
    if not isinstance(definition, LogicalNot):
        return None
    return Where.of(at.editor.value(definition.inputs[0]), b, a)


@rewrite(LogicalNot, of=(LogicalNot, Equal, NotEqual))
def not_of_condition(node: LogicalNot, at: Candidate) -> Value | None:
    """Rewrite ¬¬c as c, ¬(a = b) as a ≠ b, and ¬(a ≠ b) as a = b. The orders are not so: NaN is in none."""
    definition = at.definition(at.x)
    if isinstance(definition, LogicalNot):
        return at.editor.value(definition.inputs[0])
    if not isinstance(definition, Equal | NotEqual):
        return None
    opposite = NotEqual if isinstance(definition, Equal) else Equal
    return opposite.of(*map(at.editor.value, definition.inputs))


@rewrite(Maximum, Minimum, LogicalAnd, LogicalOr)
def choice_of_equals(node: Op, at: Candidate) -> Value | None:
    """Rewrite max(n, n) and min(n, n) of integers as n, and "c and c", "c or c" of conditions as c.

    Requires no floating-point operands: at NaN the derivative of max(x, x) is 0, and that of x is 1.
    """
    a, b = at.operands
    return a if a.id == b.id and not a.dtype.is_floating else None
