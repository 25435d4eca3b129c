"""Rewrites of what moves elements and does not compute."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Astype
from asg_schema.ops.layout import BroadcastTo, Flip, PermuteDims, Reshape

__all__: list[str] = []


@rewrite(Reshape, BroadcastTo, Astype)
def same_type(node: Reshape | BroadcastTo | Astype, at: Candidate) -> Value | None:
    """What is brought to the shape or dtype that it has stays what it is."""
    return at.x if at.x.type == at.result else None


_HOLDS: dict[DType, frozenset[DType]] = {
    DType.FLOAT16: frozenset({DType.FLOAT32, DType.FLOAT64}),
    DType.BFLOAT16: frozenset({DType.FLOAT32, DType.FLOAT64}),
    DType.FLOAT32: frozenset({DType.FLOAT64}),
    DType.INT8: frozenset({DType.INT32, DType.INT64, DType.FLOAT32, DType.FLOAT64}),
    DType.UINT8: frozenset({DType.INT32, DType.INT64, DType.UINT32, DType.FLOAT32, DType.FLOAT64}),
    DType.INT32: frozenset({DType.INT64, DType.FLOAT64}),
    DType.UINT32: frozenset({DType.INT64, DType.FLOAT64}),
    DType.BOOL: frozenset(DType) - {DType.BOOL},
}
"""For each dtype those that hold all its values, so that a conversion to one of them and back loses nothing."""


@rewrite(Astype, of=(Astype,))
def conversion_of_conversion(node: Astype, at: Candidate) -> Value | None:
    """What is converted without loss and then back is itself; what goes on to a third floating-point dtype goes there.

    Requires that the dtype between holds all values of the first; for a third dtype, that all three are floating-point.
    """
    definition = at.definition(at.x)
    if not isinstance(definition, Astype):
        return None
    x = at.editor.value(definition.inputs[0])
    if definition.dtype not in _HOLDS.get(x.dtype, ()):
        return None
    if node.dtype is x.dtype:
        return x
    return Astype.of(x, dtype=node.dtype) if x.dtype.is_floating and node.dtype.is_floating else None


@rewrite(Reshape, of=(Reshape,))
def reshape_of_reshape(node: Reshape, at: Candidate) -> Value | None:
    """A reshaped reshape is one reshape."""
    definition = at.definition(at.x)
    if not isinstance(definition, Reshape):
        return None
    return Reshape.of(at.editor.value(definition.inputs[0]), shape=node.shape)


@rewrite(PermuteDims)
def permutation(node: PermuteDims, at: Candidate) -> Value | None:
    """Permutations compose, and the one that moves nothing is left out."""
    x, axes = at.x, tuple(axis % at.x.rank for axis in node.axes)
    definition = at.definition(x)
    if isinstance(definition, PermuteDims):
        x, axes = at.editor.value(definition.inputs[0]), tuple(definition.axes[axis] % at.x.rank for axis in axes)
    if axes == tuple(range(at.x.rank)):
        return x
    return None if x is at.x else PermuteDims.of(x, axes=axes)


@rewrite(Flip)
def flip_of_flip(node: Flip, at: Candidate) -> Value | None:
    """Flipping twice along the same axes, or along none, changes nothing."""
    axes = node.axes_of(node.axis, at.x.rank)
    definition = at.definition(at.x)
    if isinstance(definition, Flip) and definition.axes_of(definition.axis, at.x.rank) == axes:
        return at.editor.value(definition.inputs[0])
    return None if axes else at.x
