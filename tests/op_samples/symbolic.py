"""The operands of samples with symbols for their sizes."""

from typing import Any

from asg_schema.op import Op
from op_samples.sample import Sample, is_random_key

__all__ = ["symbol_values", "symbolic_shapes"]

_DIVIDED = {"group_norm": 1, "glu": None, "rotary_embedding": -1}
_BY_TUPLES = ("gather_nd", "scatter_nd_add", "scatter_nd_set")
# Ops of which a result is as large as the smaller side of a matrix, which has to be known.
_COMPARED = ("diag", "diagonal", "lu", "qr", "svd")


def symbolic_shapes(sample: Sample) -> list[tuple[Any, ...]]:
    """The operands' shapes with a symbol for every size above 1 that may be one, and one for equal sizes."""
    fixed = {0, 1, *_concrete_sizes(sample)}
    return [
        operand.shape if is_random_key(sample.op, place) else _with_symbols(sample.op, operand.shape, fixed)
        for place, operand in enumerate(sample.operands)
    ]


def symbol_values(sample: Sample) -> dict[str, int]:
    """What the symbols of `symbolic_shapes` stand for."""
    return {f"n{size}": size for operand in sample.operands for size in operand.shape}


def _with_symbols(op: type[Op], shape: tuple[int, ...], fixed: set[int]) -> tuple[Any, ...]:
    dims = tuple(size if size in fixed else f"n{size}" for size in shape)
    if op.name not in _COMPARED or len(shape) < 2 or shape[-2] == shape[-1] or 0 in shape:
        return dims
    symbol = f"n{shape[-2]}"
    return (*dims[:-2], symbol, {"add": [symbol, shape[-1] - shape[-2]]})


def _concrete_sizes(sample: Sample) -> set[int]:
    """The sizes that the sample's attributes name, that have to be known to be divisible, or that count axes."""
    sizes = set(sample.attributes.get("normalized_shape", ()))
    if sample.op.name in _DIVIDED:
        axis = _DIVIDED[sample.op.name]
        sizes.add(sample.operands[0].shape[sample.attributes.get("axis", -1) if axis is None else axis])
    if sample.attributes.keys() & {"feature_groups", "batch_groups", "groups"}:
        sizes.update(size for operand in sample.operands for size in operand.shape[:2])
    if sample.op.name in _BY_TUPLES:
        sizes.add(sample.operands[1].shape[-1])
    return sizes
