"""Samples of every op, by family: what the tests of kernels, gradients, round trips and inference run over."""

from op_samples import (
    comparison,
    composites,
    contraction,
    control,
    conversion,
    creation,
    elementwise,
    indexing,
    indexing_nd,
    layout,
    linalg,
    random,
    reduction,
    reduction_ordering,
    window,
)
from op_samples.sample import Sample

ALL_SAMPLES: list[Sample] = [
    *elementwise.SAMPLES,
    *conversion.SAMPLES,
    *comparison.SAMPLES,
    *reduction.SAMPLES,
    *reduction_ordering.SAMPLES,
    *layout.SAMPLES,
    *linalg.SAMPLES,
    *indexing.SAMPLES,
    *indexing_nd.SAMPLES,
    *contraction.SAMPLES,
    *window.SAMPLES,
    *creation.SAMPLES,
    *random.SAMPLES,
    *control.SAMPLES,
    *composites.SAMPLES,
]
