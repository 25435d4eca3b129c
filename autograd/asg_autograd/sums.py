"""Sums of derivatives, of which each may be zero."""

from asg_schema.editing import Value

__all__ = ["total"]


def total(*terms: Value | None) -> Value | None:
    """The sum of the terms that are not zero; None where all are."""
    found: Value | None = None
    for term in terms:
        if term is not None:
            found = term if found is None else found + term
    return found
