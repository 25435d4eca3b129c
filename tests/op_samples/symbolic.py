"""Which sizes of a sample's operands cannot be symbols."""

from op_samples.sample import Sample

__all__ = ["concrete_sizes"]

_DIVIDED = {"group_norm": 1, "glu": None}


def concrete_sizes(sample: Sample) -> set[int]:
    """The sizes that the sample's attributes name, or that have to be known to be divisible."""
    sizes = set(sample.attributes.get("normalized_shape", ()))
    if sample.op.name in _DIVIDED:
        axis = _DIVIDED[sample.op.name]
        sizes.add(sample.operands[0].shape[sample.attributes.get("axis", -1) if axis is None else axis])
    if sample.attributes.keys() & {"feature_groups", "batch_groups"}:
        sizes.update(size for operand in sample.operands for size in operand.shape[:2])
    return sizes
