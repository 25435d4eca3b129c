"""`Composite`: an op that is defined by its expansion into primitives.

Composites stay visible in a document, because a reader should see `layer_norm` and not twelve lines. Whoever has no
kernel or gradient rule for one expands it.
"""

from abc import abstractmethod
from collections.abc import Sequence

from asg_schema.editing import Value
from asg_schema.op import Op

__all__ = ["Composite"]


class Composite(Op):
    """An op with an expansion."""

    @abstractmethod
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        """Append the op's definition to the graph of `operands`, in primitives and simpler composites.

        Args:
            operands: values whose types `infer` accepts.

        Returns:
            The op's results, with the types that `infer` gives.
        """
