"""Nodes that their op's own rule refuses, each with the whole of what is said."""

from op_samples.refusals import (
    composites,
    contraction_composites,
    elementwise_activations,
    indexing,
    layout_composites,
    linalg,
    losses,
    primitives,
    random,
    reduction_normalization,
    reduction_orders,
    window,
)
from op_samples.refusals.case import Case

__all__ = ["ALL_CASES", "Case"]

ALL_CASES = [
    *primitives.CASES,
    *composites.CASES,
    *contraction_composites.CASES,
    *layout_composites.CASES,
    *indexing.CASES,
    *linalg.CASES,
    *losses.CASES,
    *random.CASES,
    *reduction_normalization.CASES,
    *reduction_orders.CASES,
    *elementwise_activations.CASES,
    *window.CASES,
]
