"""The combination of operand types for which a function is traced, whatever the symbols in them are called."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from asg_schema.dims import Dim, SymbolicDim, substitute_dim, symbol, symbols_of
from asg_schema.function import symbol_name
from asg_schema.tensor_type import TensorType

__all__ = ["Signature", "function_signature"]


class Signature(NamedTuple):
    """What a function declares for operands of some types.

    Attributes:
        inputs: the types of its inputs.
        key: equal for operands for which the same function will do.
    """

    inputs: tuple[TensorType, ...]
    key: Hashable


def function_signature(types: Sequence[TensorType]) -> Signature:
    """What a function declares for operands of these types.

    A symbol of a function is bound by an axis that it is alone. Of a dim with a symbol that is nowhere alone, the
    function only knows that it is some dim: it becomes a symbol of its own.

    Args:
        types: the types of the operands.
    """
    alone = {name for type in types for dim in type.shape if (name := symbol_name(dim)) is not None}
    replaced: dict[Dim, Dim] = {}
    for type in types:
        for dim in type.shape:
            if isinstance(dim, SymbolicDim) and not symbols_of(dim) <= alone and dim not in replaced:
                replaced[dim] = symbol(_free(alone))
    inputs = tuple(TensorType(type.dtype, tuple(replaced.get(dim, dim) for dim in type.shape)) for type in types)
    order: dict[str, Dim] = {}
    for type in inputs:
        for dim in type.shape:
            if (name := symbol_name(dim)) is not None:
                order.setdefault(name, symbol(f"s{len(order)}"))
    # All at once, so that a symbol that is called like another's new name is no trouble.
    key = tuple((type.dtype, tuple(substitute_dim(dim, order) for dim in type.shape)) for type in inputs)
    return Signature(inputs, key)


def _free(taken: set[str]) -> str:
    number = 0
    while (name := f"size{number}") in taken:
        number += 1
    taken.add(name)
    return name
