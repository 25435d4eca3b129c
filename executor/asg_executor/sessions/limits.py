"""Refusing what would take too much memory, before any is taken."""

from collections.abc import Iterable, Mapping

from asg_executor.errors import MemoryLimitError
from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.binding import bind_shape
from asg_executor.plan.layout import element_count
from asg_schema.document import Document

__all__ = ["check_answer"]


def check_answer(
    document: Document, outputs: Iterable[str], symbols: Mapping[str, int], memory_limit: int | None
) -> None:
    """Refuse a run whose answer would be too large.

    A plan accounts for the memory in which values are computed. An output may be larger than that: a broadcast number
    takes memory only when it is written out.

    Args:
        document: the document.
        outputs: the names of the outputs that are asked for.
        symbols: the values of the symbols in its shapes.
        memory_limit: how many bytes the outputs may take together; None for no limit.

    Raises:
        MemoryLimitError: they would take more.
        SymbolError: a dim has no value.
    """
    if memory_limit is None:
        return
    chosen = set(outputs)
    needed = 0
    for output in document.outputs:
        if output.name in chosen:
            bound = bind_shape(f'output "{output.name}"', document.types[output.value], symbols)
            needed += element_count(concrete_shape(bound)) * bound.dtype.itemsize
    if needed > memory_limit:
        raise MemoryLimitError(f"the outputs take {needed:,} bytes for these shapes; the limit is {memory_limit:,}")
