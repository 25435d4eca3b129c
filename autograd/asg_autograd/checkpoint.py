"""`checkpoint` (rematerialisation): a gradient document that keeps fewer forward values, and computes others again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from asg_autograd.checkpoint_choice import choose
from asg_autograd.derivative_parts import Parts, derivative_parts
from asg_autograd.errors import TransformError
from asg_autograd.footprint import footprint
from asg_autograd.recomputation import ForwardValues, write
from asg_autograd.sizes import sized_by_inputs, with_measured_axes
from asg_autograd.static_cost import StaticCost
from asg_schema.document import Document
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.traversal import node_of
from asg_schema.wire import nearest

__all__ = ["Keep", "checkpoint"]

Keep: TypeAlias = str | Sequence[str] | Callable[[Op], bool]
"""What to keep: ids of nodes, names of scopes (of which what other nodes read is kept), or a condition on nodes."""


@garbage_collection_paused()
def checkpoint(
    document: Document,
    *,
    budget: int | None = None,
    keep: Keep | None = None,
    symbols: Mapping[str, int] | None = None,
) -> Document:
    """The document with a backward part that computes forward values again instead of keeping them.

    The backward part is what only derivatives need: the gradients of the highest order, or what depends on cotangents.
    Of the forward values that it uses, some are kept; each of the others is computed again once, from kept ones, right
    before its first use. Inputs, parameters and what depends on neither are there anyway. What comes from the forward
    part stands behind a `barrier`, so that whoever removes duplicates computes it again all the same. The forward nodes
    are unchanged and first, dead ones left out; values and gradients have the same bits.

    Args:
        document: a document that `grad` or `vjp` made, of any order.
        budget: the most bytes of forward values, kept or computed again, at one time while the backward part runs;
            of what keeps within it, about the least arithmetic is chosen. A document that keeps within it is answered
            as it is. Without `budget` and `keep`, about the least memory is chosen.
        keep: what to keep instead, by id, by scope, or by a condition.
        symbols: a size for each symbol of the document; not needed with `keep`.

    Raises:
        TransformError: the document has no derivatives; a symbol has no size; the budget is not enough; there is
            nothing of a name in `keep`; or `budget` and `keep` are both given.
    """
    if budget is not None and keep is not None:
        raise TransformError(
            "budget and keep are both given; a budget chooses what to keep, so only one of them can be"
        )
    if budget is not None and budget < 0:
        raise TransformError(f"budget is {budget}; a number of bytes of at least 0 is needed")
    measured = with_measured_axes(document)
    parts = derivative_parts(measured)
    parts = parts._replace(backward=sized_by_inputs(parts.backward, measured.types, measured.inputs))
    values = ForwardValues(measured, parts)
    if keep is not None:
        kept = _kept(measured, parts, values, keep)
    else:
        cost = StaticCost(measured, symbols)
        if budget is not None and footprint(document, symbols).kept_bytes <= budget:
            return document
        kept = choose(parts, values, cost, budget)
    return write(measured, parts, values, kept)


def _kept(document: Document, parts: Parts, values: ForwardValues, keep: Keep) -> frozenset[str]:
    """The values to keep that the caller named. A view is kept by keeping what it shows."""
    if callable(keep):
        chosen = [reference for node in parts.forward if keep(node) for reference in node.references()]
    else:
        names = [keep] if isinstance(keep, str) else keep
        chosen = [reference for name in names for reference in _named(document, parts, name)]
    return frozenset(values.shown(reference) for reference in chosen) - values.free


def _named(document: Document, parts: Parts, name: str) -> Iterable[str]:
    """The values of the node of that name, or those of a scope that nodes outside of it read."""
    by_id = {node.id: node for node in parts.forward}
    if name in document.types and node_of(name) not in by_id:
        raise TransformError(f'keep: "{name}" is not a value of the forward part, on which the backward part depends')
    if name in by_id:
        return by_id[name].references()
    if name in document.types:
        return (name,)
    scope = f"{name.removesuffix('.')}."
    read = {reference for node in parts.forward if not node.id.startswith(scope) for reference in node.inputs}
    read.update(output.value for output in document.outputs if output.name in parts.outputs)
    found = [
        reference
        for node in parts.forward
        if node.id.startswith(scope)
        for reference in node.references()
        if reference in read
    ]
    if not found:
        known = {*by_id, *(id.rpartition(".")[0] for id in by_id)} - {""}
        raise TransformError(f'keep: the forward part has no node and no scope "{name}"{nearest(name, known)}')
    return found
