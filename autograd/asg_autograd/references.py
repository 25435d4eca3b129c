"""References under new ids."""

from collections.abc import Mapping

from asg_schema.op import Op
from asg_schema.traversal import node_of

__all__ = ["renamed_node", "renamed_reference"]


def renamed_reference(reference: str, ids: Mapping[str, str]) -> str:
    """A reference, `id` or `id:1`, to the same result of what is called by a new id.

    Args:
        reference: the reference.
        ids: new ids by old ones; what is not among them keeps its own.
    """
    id = node_of(reference)
    return ids[id] + reference[len(id) :] if id in ids else reference


def renamed_node(node: Op, ids: Mapping[str, str]) -> Op:
    """A node with its id and its references under new ids.

    Args:
        node: the node.
        ids: new ids by old ones; what is not among them keeps its own.
    """
    inputs = tuple(renamed_reference(reference, ids) for reference in node.inputs)
    id = ids.get(node.id, node.id)
    return node if id == node.id and inputs == node.inputs else node.model_copy(update={"id": id, "inputs": inputs})
