"""Epilogues: pointwise groups that are computed along with the matrix product whose result they read.

So the result is read while it is in the first level of the cache, and threads need not meet in between.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from asg_executor.engines.native.fused.grouping import Group, Role
from asg_executor.engines.native.fused.passes import operation_weight
from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import Layout, element_count, merge_axes
from asg_schema.ops.contraction import Matmul
from asg_schema.tensor_type import TensorType

__all__ = ["as_epilogue", "pair_epilogues", "result_memory"]

_NARROW = 16  # elements: in rows of fewer there is no whole vector
_FARTHEST = 8  # groups: a product that is computed so much later keeps its operands in memory for longer


def pair_epilogues(groups: Sequence[Group], types: Mapping[str, TensorType]) -> Iterator[tuple[int, int]]:
    """The pairs of groups of which the first is a matrix product, and the second one may be its epilogue.

    The product is then computed where its epilogue stands; nothing in between reads its result. Each group is in one
    pair at most.

    Args:
        groups: in the order in which they run.
        types: the type of every value.

    Yields:
        The numbers of both groups.
    """
    products: dict[str, int] = {}  # by its result, the number of each product that nothing has read yet
    for number, group in enumerate(groups):
        read = [(products.pop(root), root) for root in group.reads if root in products]
        found = max(read, default=None)
        if found is not None and number - found[0] <= _FARTHEST:
            product, root = found
            if as_epilogue(group, root, types) is not None:
                yield product, number
        if group.domain is None and isinstance(group.instructions[0].op, Matmul):
            products[group.instructions[0].results[0]] = number


def as_epilogue(group: Group, result: str, types: Mapping[str, TensorType]) -> Group | None:
    """A group whose row is that of a matrix product; None if it cannot be computed along with the product.

    Each of its members is an element of the domain, each of its reads of the product is of the same element, and
    along a row of the product every array lies evenly in memory. A function such as exp keeps the group apart: it
    takes much longer than to read the product again, and its constants would be read again for each tile.

    Args:
        group: the group.
        result: the reference of the product's result, a matrix or many.
        types: the type of every value.
    """
    shape = concrete_shape(types[result])
    if group.domain is None or len(shape) < 2 or shape[-1] < _NARROW or group.size != element_count(shape):
        return None
    if any(member.role is not Role.ELEMENT or member.reduces for member in group.members):
        return None
    if any(operation_weight(member.instruction.op.name) > 1 for member in group.members):
        return None
    if group.axes != tuple(range(len(group.axes))):
        return None
    row = next((count for count in range(1, len(group.domain) + 1) if _last(group, count) == shape[-1]), None)
    if row is None:
        return None
    cut = len(group.domain) - row
    layouts = [layout for member in group.members for layout in member.operands]
    if not all(group.reads_alike(layout, Role.ELEMENT) for layout in layouts if layout.root == result):
        return None
    rows = [Layout(item.root, item.shape[cut:], item.strides[cut:]) for item in layouts]
    return replace(group, row=row) if len(merge_axes(rows)) == 1 else None


def _last(group: Group, count: int) -> int:
    """How many elements the last axes of a group's domain have together."""
    assert group.domain is not None, "only a fused group has a domain"
    return element_count(group.domain[len(group.domain) - count :])


def result_memory(
    product: str,
    types: Mapping[str, TensorType],
    in_place: Mapping[str, Collection[str]],
    pinned: Collection[str],
) -> str:
    """The root in whose memory a product's result is computed that only its epilogue reads.

    It is one that the epilogue writes, element for element; the product's own where there is none. What has a
    destination is left alone where the epilogue may read the same element of what stands there.

    Args:
        product: the root of the product's result.
        types: the type of every value.
        in_place: for each root that the epilogue writes those over which it may be computed.
        pinned: the roots that have a destination.
    """
    for root, over in in_place.items():
        others = [other for other in over if other != product]
        if types[root].dtype is types[product].dtype and not (others and root in pinned):
            return root
    return product
