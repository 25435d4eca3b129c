"""Helpers of the builder's tests."""
