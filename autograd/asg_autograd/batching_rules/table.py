"""The table of batching rules, and what a rule is given.

A rule appends what an op computes for every example at once. Of each operand it is told whether it is mapped: then its
first axis is the mapped one, and behind it stand the axes that the op is defined for. Operands that are not mapped have
the same value for all examples. A rule is asked only where at least one operand is mapped.

A result has the mapped axis first, too. One that is the same for all examples may come without it: which of the two it
is, its rank tells.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError

from asg_autograd.errors import TransformError
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.op_table import OpTable
from asg_schema.ops.layout import BroadcastTo, Reshape

__all__ = ["Batched", "Results", "batching"]

Results: TypeAlias = tuple[Value, ...]
"""The results of an op for all examples."""


class Batched:
    """One application of an op that is being mapped.

    Attributes:
        operands: what the op is applied to, the mapped ones with the mapped axis first.
        mapped: for each operand whether it has that axis.
        size: the size of that axis.

    Args:
        node: the application.
        operands: as above.
        mapped: as above.
        size: as above.
        id: the id of the node that applies the op again; absent: one made from the op's name.
    """

    __slots__ = ("_id", "_node", "mapped", "operands", "size")

    def __init__(
        self, node: Op, operands: tuple[Value, ...], mapped: tuple[bool, ...], size: Dim, id: str | None = None
    ) -> None:
        self._node = node
        self._id = id
        self.operands = operands
        self.mapped = mapped
        self.size = size

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]

    @property
    def only_first(self) -> bool:
        """Whether of the operands only the first is mapped."""
        return self.mapped[0] and not any(self.mapped[1:])

    def rank(self, index: int = 0) -> int:
        """The number of axes of an operand that the op is defined for: without the mapped one."""
        return self.operands[index].rank - self.mapped[index]

    def shape(self, index: int = 0) -> tuple[Dim, ...]:
        """The sizes of the axes of an operand that the op is defined for."""
        return self.operands[index].shape[1:] if self.mapped[index] else self.operands[index].shape

    def every(self, index: int = 0) -> Value:
        """An operand with the mapped axis: repeated along it where it is not mapped."""
        operand = self.operands[index]
        return operand if self.mapped[index] else BroadcastTo.of(operand, shape=(self.size, *operand.shape))

    def aligned(self, rank: int | None = None) -> list[Value]:
        """The operands, so that their axes broadcast for all examples as they do for one.

        Args:
            rank: how many axes mapped operands get behind the mapped one; absent: as many as any operand has.
        """
        if rank is None:
            rank = max(map(self.rank, range(len(self.operands))))
        return [self.lifted(index, rank) for index in range(len(self.operands))]

    def lifted(self, index: int, rank: int) -> Value:
        """An operand; a mapped one with `rank` axes behind the mapped one, those of size 1 first that it has not."""
        operand, missing = self.operands[index], rank - self.rank(index)
        if not self.mapped[index] or missing <= 0:
            return operand
        return Reshape.of(operand, shape=(self.size, *(1,) * missing, *operand.shape[1:]))

    def again(self, *operands: Value, **changed: Any) -> Results:
        """The op itself, under the id that it has, applied to other operands, with some attributes changed."""
        editor, node = operands[0].editor, self._node
        attributes = {name: getattr(node, name) for name in node.attributes} | changed
        id = self._id if self._id is not None and self._id not in editor.types else editor.fresh_id(node.name)
        references = tuple(operand.id for operand in operands)
        try:
            again = type(node)(id=id, inputs=references, metadata=node.metadata, **attributes)
        except ValidationError as error:
            faults = "; ".join(fault["msg"] for fault in error.errors())
            raise TransformError(f"with the mapped axis it would not be valid: {faults}") from None
        return tuple(editor.append(again))

    def folded(self, operands: Sequence[Value] = (), **changed: Any) -> Results:
        """The op itself with the examples and the first axis of its first operand made one axis: it keeps that apart.

        Args:
            operands: those behind the first; none of them is mapped.
            changed: attributes that change.
        """
        first, *rest = self.shape()
        merged = Reshape.of(self.x, shape=(self.size * first, *rest))
        results = self.again(merged, *operands, **changed)
        return tuple(Reshape.of(result, shape=(self.size, first, *result.shape[1:])) for result in results)


batching: OpTable[[Batched], Results | None] = OpTable("batching rule")
"""For each op that has operands its rule; a composite without one, or whose rule answers None, is expanded."""
