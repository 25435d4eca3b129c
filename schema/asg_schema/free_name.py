"""`free_name`: a name that is not taken."""

from collections.abc import Container, Iterator
from itertools import count

__all__ = ["free_name"]


def free_name(stem: str, taken: Container[str], separator: str = "", numbers: Iterator[int] | None = None) -> str:
    """The first of `stem`, `stem2`, `stem3`, … that is not taken.

    Args:
        stem: the name that is wanted.
        taken: the names that others have.
        separator: what stands between the stem and a number.
        numbers: the numbers to try, without end; absent, all from 2. An iterator that is kept goes on where it stopped,
            so that many names of one stem take no longer each than the first.

    Returns:
        The name, which the caller enters where it keeps those that are taken.
    """
    following = count(2) if numbers is None else numbers
    name = stem
    while name in taken:
        name = f"{stem}{separator}{next(following)}"
    return name
