"""Samples of the composites, by family."""

from op_samples.composites import contraction, elementwise, random, reduction, reduction_normalization, window
from op_samples.sample import Sample

SAMPLES: list[Sample] = [
    *elementwise.SAMPLES,
    *reduction.SAMPLES,
    *reduction_normalization.SAMPLES,
    *contraction.SAMPLES,
    *random.SAMPLES,
    *window.SAMPLES,
]
