"""Rewrites of `where`."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.editing import Value
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import Where

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
