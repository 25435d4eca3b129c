"""Losses, with the names of `torch.nn.functional` less their `_loss`, its arguments, their order and their defaults.

`input` is what the model says, `target` what it should say. A target has the shape of the input, or what the loss says;
other shapes are refused although they might broadcast: a target [batch] against an input [batch, 1] would compare every
element with every other. A target of an integer dtype or of bool is converted to the input's dtype where it stands for
numbers. float16 and bfloat16 are computed in float32 and rounded once.

`reduction` says what becomes of the single losses: "mean", "sum", or "none" for each by itself. The nodes of a loss
that is no op of its own have ids that begin with its name: `huber.where`.
"""

from asg_builder.losses.classification import (
    bce_with_logits,
    binary_cross_entropy,
    cross_entropy,
    focal,
    hinge,
    kl_divergence,
    nll,
    squared_hinge,
)
from asg_builder.losses.ranking import cosine_embedding, margin_ranking, triplet_margin
from asg_builder.losses.regression import huber, l1, mse, smooth_l1

__all__ = [
    "bce_with_logits",
    "binary_cross_entropy",
    "cosine_embedding",
    "cross_entropy",
    "focal",
    "hinge",
    "huber",
    "kl_divergence",
    "l1",
    "margin_ranking",
    "mse",
    "nll",
    "smooth_l1",
    "squared_hinge",
    "triplet_margin",
]
