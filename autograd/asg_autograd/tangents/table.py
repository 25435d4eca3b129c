"""The table of tangent rules, and what a rule is given.

A rule turns the tangents of an op's operands, the directions in which they move, into those of its results. It is
written with ops, so that its results can be differentiated again. A tangent that it yields only has to broadcast to the
shape of the result that it belongs to.
"""

from typing import TypeAlias, cast

from asg_schema.editing import Value
from asg_schema.op_table import OpTable

__all__ = ["Perturbation", "Tangents", "tangents"]

Tangents: TypeAlias = tuple[Value | None, ...]
"""One tangent for each result; None is zero."""


class Perturbation:
    """One application of an op whose operands move.

    Attributes:
        operands: the values that the op is applied to.
        results: the values that it yields.
        tangents: for each operand the direction in which it moves, of its type; None is zero, and not all are None.
        needed: for each result whether its tangent is used. The others may be left out as None.
    """

    __slots__ = ("needed", "operands", "results", "tangents")

    def __init__(
        self, operands: tuple[Value, ...], results: tuple[Value, ...], tangents: Tangents, needed: tuple[bool, ...]
    ) -> None:
        self.operands = operands
        self.results = results
        self.tangents = tangents
        self.needed = needed

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]

    @property
    def y(self) -> Value:
        """The result of an op with one result."""
        return self.results[0]

    @property
    def t(self) -> Value:
        """The tangent of the only operand that has one."""
        return cast("Value", self.tangents[0])


tangents: OpTable[[Perturbation], Tangents] = OpTable("tangent rule")
"""For each op with a differentiable operand its rule; composites without one are differentiated by expansion."""
