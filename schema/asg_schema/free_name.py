"""`free_name`: a name that is not taken."""

from collections.abc import Container, Iterable
from itertools import count

__all__ = ["free_name"]


def free_name(stem: str, taken: Container[str], separator: str = "", numbers: Iterable[int] | None = None) -> str:
    """The first of `stem`, `stem2`, `stem3`, … that is not taken.

    Args:
        stem: the name that is wanted.
        taken: the names that others have.
        separator: what stands between the stem and a number.
        numbers: the numbers to try; absent, all from 2. An iterator that is kept goes on where it ended, so that many
            names of one stem take no longer each than the first.

    Returns:
        The name, which the caller enters where it keeps those that are taken.
    """
    if stem not in taken:
        return stem
    names = (f"{stem}{separator}{number}" for number in numbers or count(2))
    return next(name for name in names if name not in taken)
