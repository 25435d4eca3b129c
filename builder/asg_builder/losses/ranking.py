"""Losses of embeddings and of rankings: what belongs together is to be nearer, or rank higher, than what does not.

Where a loss just reaches 0 its derivative is that of the side above, as in PyTorch.
"""

from math import isfinite, isnan

from asg_builder.functions.elementwise import minimum, sqrt, where
from asg_builder.functions.elementwise_composites import clip
from asg_builder.functions.reduction_composites import norm
from asg_builder.losses.arguments import Reduction, as_target, check_number, check_shapes, loss_scope, reduced, wide
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["cosine_embedding", "margin_ranking", "triplet_margin"]


def cosine_embedding(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """1 - cos(input1, input2) where the target is 1, and max(0, cos(input1, input2) - margin) where it is -1.

    cos(a, b) = a·b / √((a·a + 1e-12) · (b·b + 1e-12)) along the last axis, so that a vector of zeros has a finite
    derivative.

    Args:
        input1: […, features].
        input2: of the shape of `input1`.
        target: […], 1 for a pair that belongs together and -1 for one that does not, of any signed dtype. Where it is
            neither, the loss is 0.
        margin: up to which cosine a pair that does not belong together costs nothing; from -1 to 1.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" […]; the dtype of `input1`.

    Raises:
        AsgError: the shapes do not fit, `margin` is out of range, or `reduction` is not one of the three.
    """
    if not -1 <= margin <= 1:
        raise AsgError(f"cosine_embedding: margin is {margin}; a number from -1 to 1 is needed")
    with loss_scope("cosine_embedding", input1, reduction):
        a = wide(input1)
        b = _same("cosine_embedding", input2, a)
        product, lengths = (a * b).sum(-1), ((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12)
        cosine = product / sqrt(lengths)
        wanted = as_target("cosine_embedding", target, cosine)
        apart = where(wanted == -1.0, clip(cosine - margin, min=0.0), 0.0)
        return reduced(where(wanted == 1.0, 1.0 - cosine, apart), reduction, input1)


def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), where d(a, b) is the p-norm of a - b + eps.

    Schroff et al., "FaceNet: a unified embedding for face recognition and clustering", 2015.

    Args:
        anchor: […, features].
        positive: what belongs to the anchor; of its shape.
        negative: what does not; of its shape.
        margin: by how much the negative is to be farther than the positive; above 0.
        p: the norm, along the last axis: above 0, or inf for the largest difference.
        eps: added to each difference.
        swap: whether the negative's distance is the smaller of those to the anchor and to the positive (Balntas et al.,
            "Learning shallow convolutional feature descriptors with triplet losses", 2016).
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" […]; the dtype of `anchor`.

    Raises:
        AsgError: the shapes differ, `margin`, `p` or `eps` is out of range, or `reduction` is not one of the three.
    """
    check_number("triplet_margin", "margin", margin, 0.0, open_at_low=True)
    check_number("triplet_margin", "eps", eps, 0.0)
    if isnan(p) or p <= 0:
        raise AsgError(f"triplet_margin: p is {p}; a number above 0 is needed")
    with loss_scope("triplet_margin", anchor, reduction):
        a = wide(anchor)
        near, far = _same("triplet_margin", positive, a), _same("triplet_margin", negative, a)
        to_negative = _distance(a, far, p, eps)
        if swap:
            to_negative = minimum(to_negative, _distance(near, far, p, eps))
        return reduced(clip(_distance(a, near, p, eps) - to_negative + margin, min=0.0), reduction, anchor)


def margin_ranking(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """max(0, -target · (input1 - input2) + margin): the first is to rank higher where the target is 1, else lower.

    Args:
        input1: scores.
        input2: of the shape of `input1`.
        target: of the shape of `input1`; 1 where the first is to rank higher and -1 where the second is, of any signed
            dtype.
        margin: by how much; a finite number.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input1`; its dtype.

    Raises:
        AsgError: the shapes differ, `margin` is not finite, or `reduction` is not one of the three.
    """
    if not isfinite(margin):
        raise AsgError(f"margin_ranking: margin is {margin}; a finite number is needed")
    with loss_scope("margin_ranking", input1, reduction):
        a = wide(input1)
        wanted = as_target("margin_ranking", target, a)
        behind = margin - wanted * (a - _same("margin_ranking", input2, a))
        return reduced(clip(behind, min=0.0), reduction, input1)


def _same(name: str, other: Tensor, input: Tensor) -> Tensor:
    """Another input, of the shape and dtype of the first."""
    check_shapes(name, input, other)
    other = wide(other)
    if other.dtype is not input.dtype:
        raise AsgError(f"{name}: {input} and {other} differ in dtype; write astype for one of them")
    return other


def _distance(a: Tensor, b: Tensor, p: float, eps: float) -> Tensor:
    return norm(a - b + eps, -1, ord=p)
