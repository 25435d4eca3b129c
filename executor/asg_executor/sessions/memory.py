"""The memory of a session, found to be allowed before any of it is taken."""

from collections.abc import Mapping

from asg_executor.allowance import current_allowance
from asg_executor.errors import MemoryLimitError
from asg_executor.memory_budget import MemoryClaim
from asg_schema.document import Document
from asg_schema.function import expanded_nodes

__all__ = ["claim_memory"]

_NODE_BYTES = 1024  # about what a node of a document takes


def claim_memory(graphs: Mapping[str, Document], required_bytes: int, memory_limit: int | None) -> MemoryClaim:
    """Claim the memory of a session.

    Args:
        graphs: its graphs, by name.
        required_bytes: what its parameters take, with all that belongs to them.
        memory_limit: how many bytes that may be; None for no limit.

    Raises:
        MemoryLimitError: it would be more.
        LimitExceededError: a graph has more nodes than it may.
        MemoryFullError: there is no room for it now.
    """
    if memory_limit is not None and required_bytes > memory_limit:
        raise MemoryLimitError(
            f"the parameters with their gradients, optimizer slots and backup take {required_bytes} bytes; "
            f"at most {memory_limit} are allowed"
        )
    nodes, allowance = 0, current_allowance()
    for name, document in graphs.items():
        count = expanded_nodes(document.nodes)
        allowance.check_instructions(f'the graph "{name}", its calls expanded,', count)
        nodes += count
    return allowance.claim_memory("the session", required_bytes + _NODE_BYTES * nodes)
