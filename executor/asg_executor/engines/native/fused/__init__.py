"""Fused kernels: pointwise ops, and reductions with what comes before and after them, in one pass over memory."""
