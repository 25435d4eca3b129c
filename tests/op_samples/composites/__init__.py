"""Samples of the composites, by family."""

from op_samples.composites import (
    contraction,
    contraction_einsum,
    contraction_products,
    control,
    elementwise,
    elementwise_activations,
    indexing,
    layout,
    linalg,
    random,
    reduction,
    reduction_losses,
    reduction_normalization,
    reduction_norms,
    reduction_ordering,
    reduction_products,
    window,
    window_sizes,
)
from op_samples.sample import Sample

SAMPLES: list[Sample] = [
    *elementwise.SAMPLES,
    *elementwise_activations.SAMPLES,
    *indexing.SAMPLES,
    *linalg.SAMPLES,
    *reduction.SAMPLES,
    *reduction_losses.SAMPLES,
    *reduction_normalization.SAMPLES,
    *reduction_norms.SAMPLES,
    *reduction_ordering.SAMPLES,
    *reduction_products.SAMPLES,
    *contraction.SAMPLES,
    *contraction_einsum.SAMPLES,
    *contraction_products.SAMPLES,
    *random.SAMPLES,
    *control.SAMPLES,
    *layout.SAMPLES,
    *window.SAMPLES,
    *window_sizes.SAMPLES,
]
