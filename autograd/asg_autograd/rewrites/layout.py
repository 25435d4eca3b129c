"""Rewrites of what moves elements and does not compute, and of reductions that only do so."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.elementwise import Astype
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import Max, Min, Prod, Reduction, Sum

__all__: list[str] = []


@rewrite(Reshape, BroadcastTo, Astype)
def same_type(node: Reshape | BroadcastTo | Astype, at: Candidate) -> Value | None:
    """What is brought to the shape or dtype that it has stays what it is."""
    return at.x if at.x.type == at.result else None


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
    axes = tuple(axis % at.x.rank for axis in node.axes)
    if axes == tuple(range(at.x.rank)):
        return at.x
    definition = at.definition(at.x)
    if not isinstance(definition, PermuteDims):
        return None
    composed = tuple(definition.axes[axis] % at.x.rank for axis in axes)
    return PermuteDims.of(at.editor.value(definition.inputs[0]), axes=composed)


@rewrite(PermuteDims, of=(Matmul,))
def transpose_of_product(node: PermuteDims, at: Candidate) -> Value | None:
    """Rewrite (AᵀB)ᵀ as BᵀA, and (ABᵀ)ᵀ as BAᵀ.

    Requires operands with at least two axes, one of them transposed, and a product without another use, which would be
    computed beside the new one.
    """
    definition = at.definition(at.x)
    if not _exchanges_last_two(node) or not isinstance(definition, Matmul) or at.editor.is_used(at.x):
        return None
    a, b = map(at.editor.value, definition.inputs)
    transposed = any(_exchanges_last_two(at.definition(operand)) for operand in (a, b))
    if a.rank < 2 or b.rank < 2 or not transposed:
        return None
    return _exchange_last_two(b) @ _exchange_last_two(a)


def _exchanges_last_two(definition: Op | None) -> bool:
    if not isinstance(definition, PermuteDims):
        return False
    rank = len(definition.axes)
    axes = tuple(axis % rank for axis in definition.axes)
    return rank >= 2 and axes == (*range(rank - 2), rank - 1, rank - 2)


def _exchange_last_two(x: Value) -> Value:
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


@rewrite(Sum, Prod, Max, Min)
def reduction_of_single_elements(node: Reduction, at: Candidate) -> Value | None:
    """A reduction over no axes, or over axes of size 1, changes at most the shape."""
    if any(at.x.shape[axis] != 1 for axis in node.axes_of(node.axis, at.x.rank)):
        return None
    return Reshape.of(at.x, shape=at.result.shape)


@rewrite(Slice)
def whole_slice(node: Slice, at: Candidate) -> Value | None:
    """A slice that leaves nothing out is its operand."""
    whole = node.stop == at.x.shape and not any(node.start) and all(step == 1 for step in node.step or ())
    return at.x if whole else None


@rewrite(Pad)
def pad_by_nothing(node: Pad, at: Candidate) -> Value | None:
    """Padding by no element anywhere changes nothing."""
    return None if any((*node.low, *node.high, *(node.interior or ()))) else at.x


@rewrite(Concat)
def concat_of_one(node: Concat, at: Candidate) -> Value | None:
    """One array joined with nothing is itself."""
    return at.x if len(at.operands) == 1 else None


@rewrite(Flip)
def flip_of_flip(node: Flip, at: Candidate) -> Value | None:
    """Flipping twice along the same axes, or along none, changes nothing."""
    axes = node.axes_of(node.axis, at.x.rank)
    definition = at.definition(at.x)
    if isinstance(definition, Flip) and definition.axes_of(definition.axis, at.x.rank) == axes:
        return at.editor.value(definition.inputs[0])
    return None if axes else at.x
