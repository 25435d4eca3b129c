"""Nodes that their op's own rule refuses, each with the whole of what is said."""

from op_samples.refusals import composites, primitives, random, reduction_normalization, window
from op_samples.refusals.case import Case

__all__ = ["ALL_CASES", "Case"]

ALL_CASES = [*primitives.CASES, *composites.CASES, *random.CASES, *reduction_normalization.CASES, *window.CASES]
