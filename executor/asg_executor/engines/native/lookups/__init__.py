"""Kernels that read or write an array where other arrays' elements say."""
