"""The two parts of a document with derivatives: the forward part, and what is there for the derivatives alone.

The forward part is what the outputs without a derivative's role need. An output that is itself differentiated, as
`grad.x` is in a gradient of a gradient, belongs to the forward part of the next derivative. Where the roles do not tell
(the loss was pruned, or a batching transform took the roles away), the ids do: `grad` puts what it appends last, under
ids that begin with `grad.`, `grad2.` and so on.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from asg_autograd.errors import TransformError
from asg_schema.document import Document, Input, Output
from asg_schema.op import Op
from asg_schema.roles import CotangentRole, GradientRole, LossScaleRole, TangentRole
from asg_schema.traversal import dependents, live_nodes, node_of

__all__ = ["Parts", "derivative_parts", "is_seed", "parts_by_outputs"]

_ORDER = re.compile(r"grad(\d*)\.")


class Parts(NamedTuple):
    """The live nodes of a document with derivatives, each part in topological order.

    Attributes:
        forward: what the values need that are no derivatives.
        backward: what only derivatives need. For `jvp` it is the part that computes tangents.
        outputs: the names of the outputs of the forward part.
    """

    forward: tuple[Op, ...]
    backward: tuple[Op, ...]
    outputs: frozenset[str]


def derivative_parts(document: Document) -> Parts:
    """The forward part of a document, and the part that computes its derivatives of the highest order.

    Raises:
        TransformError: the document has no derivatives.
    """
    names = _forward_outputs(document)
    if 0 < len(names) < len(document.outputs):
        return parts_by_outputs(document, names)
    live = live_nodes(document)
    begin = _first_appended(live)
    if begin is None:
        raise TransformError(
            f'document "{document.name}" has no part that computes derivatives from another: none of its outputs is a '
            "gradient, and it has no cotangents; make it with grad or vjp"
        )
    forward = {node.id for node in live[:begin]}
    chosen = frozenset(output.name for output in document.outputs if node_of(output.value) in forward)
    return Parts(tuple(live[:begin]), tuple(live[begin:]), chosen)


def parts_by_outputs(document: Document, names: Collection[str]) -> Parts:
    """What the outputs of these names need, as the forward part, and what else the other outputs need."""
    chosen = [output for output in document.outputs if output.name in names]
    forward = live_nodes(document, [output.value for output in chosen])
    needed = {node.id for node in forward}
    backward = tuple(node for node in live_nodes(document) if node.id not in needed)
    return Parts(tuple(forward), backward, frozenset(output.name for output in chosen))


def is_seed(item: Input) -> bool:
    """Whether an input is what derivatives start from: a cotangent, a tangent or a loss scale."""
    return isinstance(item.role, CotangentRole | TangentRole | LossScaleRole)


def _forward_outputs(document: Document) -> set[str]:
    """The names of the outputs that are no derivatives, or of which there is a derivative."""
    seeds = [item.id for item in document.inputs if is_seed(item)]
    derived = dependents(document, seeds) if seeds else set[str]()
    differentiated = set(_differentiated(document))
    return {
        output.name
        for output in document.outputs
        if output.name in differentiated or not (_has_derivative_role(output) or node_of(output.value) in derived)
    }


def _has_derivative_role(output: Output) -> bool:
    return isinstance(output.role, GradientRole | TangentRole)


def _differentiated(document: Document) -> Iterator[str]:
    """The names of the outputs of which the document has derivatives."""
    for item in document.inputs:
        if isinstance(item.role, CotangentRole):
            yield item.role.of
    for output in document.outputs:
        if isinstance(output.role, GradientRole | TangentRole):
            yield output.role.of


def _first_appended(nodes: list[Op]) -> int | None:
    """The place of the first node that the gradient of the highest order appended."""
    first: dict[int, int] = {}
    for place, node in enumerate(nodes):
        if match := _ORDER.match(node.id):
            first.setdefault(int(match[1] or 1), place)
    return first[max(first)] if first else None
