"""What the derivatives of an op are at one point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asg_schema.op import Op
from op_samples.sample import Array, floats

__all__ = ["Edge", "edge_at"]


@dataclass(frozen=True)
class Edge:
    """What the derivatives of an op are at one point.

    Attributes:
        id: unique among all edges: the op's name, a dot, and what the edge is about.
        op: the op, with one result.
        operands: the arrays that it is applied to.
        gradients: for each floating-point operand the derivative of the sum of the result by it; at a higher order, of
            the sum of all derivatives of one order less.
        attributes: the node's attributes.
        order: the order of the derivatives.
        relative: how far a derivative may be off, relative to itself.
        absolute: the same in absolute terms.
    """

    id: str
    op: type[Op]
    operands: tuple[Array, ...]
    gradients: tuple[Array, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    order: int = 1
    relative: float = 1e-15
    absolute: float = 0.0


def edge_at(name: str, op: type[Op], x: list[float], gradient: list[float], **attributes: Any) -> Edge:
    """The edge of an op of one operand, a vector."""
    return Edge(f"{op.name}.{name}", op, (floats(*x),), (floats(*gradient),), attributes)
