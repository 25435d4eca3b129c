"""The table of gradient rules, and what a rule is given.

A rule turns the cotangents of an op's results into those of its operands. It is written with ops, so that its results
can be differentiated again. It does not undo broadcasting: a cotangent only has to broadcast to the operand's shape, or
the operand's shape to it (see `asg_autograd.unbroadcast`).
"""

from typing import TypeAlias, cast

from asg_schema.editing import Value
from asg_schema.op_table import OpTable

__all__ = ["Application", "Cotangents", "rules"]

Cotangents: TypeAlias = tuple[Value | None, ...]
"""One cotangent for each operand; None is zero."""


class Application:
    """One application of an op that is being differentiated.

    Attributes:
        operands: the values that the op is applied to.
        results: the values that it yields.
        cotangents: for each result the derivative of what is differentiated with respect to it; None is zero, and not
            all are None.
    """

    __slots__ = ("cotangents", "operands", "results")

    def __init__(self, operands: tuple[Value, ...], results: tuple[Value, ...], cotangents: Cotangents) -> None:
        self.operands = operands
        self.results = results
        self.cotangents = cotangents

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]

    @property
    def y(self) -> Value:
        """The result of an op with one result."""
        return self.results[0]

    @property
    def g(self) -> Value:
        """The cotangent of `y`."""
        return cast("Value", self.cotangents[0])


rules: OpTable[[Application], Cotangents] = OpTable("gradient rule")
"""For each op with a differentiable operand its rule; composites without one are differentiated by expansion."""
