"""The table of rewrites, and what a rewrite is given."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.creation import Full
from asg_schema.tensor_type import TensorType

if TYPE_CHECKING:
    from asg_autograd.simplifying_editor import SimplifyingEditor

__all__ = ["Candidate", "Rewrite", "rewrite", "rewrites"]

OpT = TypeVar("OpT", bound=Op)


class Candidate:
    """What a rule knows of a node that is about to be appended.

    Attributes:
        operands: the values that the op is applied to.
        result: the type of its result.
        editor: the graph that it would be appended to.
    """

    __slots__ = ("editor", "operands", "result")

    def __init__(self, operands: tuple[Value, ...], result: TensorType, editor: "SimplifyingEditor") -> None:
        self.operands = operands
        self.result = result
        self.editor = editor

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]

    def definition(self, value: Value) -> Op | None:
        """The node that yields a value; None for an input or a parameter."""
        return self.editor.definition(value)

    def constant(self, value: Value) -> float | None:
        """The number that every element of a value is, where that is known."""
        definition = self.editor.definition(value)
        return definition.value if isinstance(definition, Full) else None

    def fill(self, value: float) -> Value:
        """A constant of the type of the result."""
        return self.editor.full(self.result.shape, value, self.result.dtype)


Rewrite: TypeAlias = Callable[[Any, Candidate], Value | None]

rewrites: dict[type[Op], dict[type[Op] | None, list[Rewrite]]] = {}
"""For each op the rules that are tried for each kind of node that one of its operands comes from; under None those that
are tried whatever the operands are."""


def rewrite(
    *ops: type[OpT], of: Sequence[type[Op] | None] = (None,)
) -> Callable[[Callable[[OpT, Candidate], Value | None]], Callable[[OpT, Candidate], Value | None]]:
    """Enter a rule for nodes of `ops`. With `of` it is only tried where an operand comes from a node of such an op."""

    def enter(rule: Callable[[OpT, Candidate], Value | None]) -> Callable[[OpT, Candidate], Value | None]:
        for op in ops:
            for source in of:
                rewrites.setdefault(op, {}).setdefault(source, []).append(rule)
        return rule

    return enter
