"""What a case of a refused node says."""

from typing import Any, NamedTuple

__all__ = ["Case"]


class Case(NamedTuple):
    """A node that its op's own rule refuses.

    Attributes:
        op: the op's name.
        types: the types of the operands.
        attributes: the node's attributes.
        pointer: where the problem is, within the node.
        message: what is said after the node's name.
    """

    op: str
    types: list[str]
    attributes: dict[str, Any]
    pointer: str
    message: str
