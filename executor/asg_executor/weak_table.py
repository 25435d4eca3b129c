"""`WeakTable`: what is known of objects for as long as they live."""

from typing import Generic, TypeVar
from weakref import ref

__all__ = ["WeakTable"]

K = TypeVar("K")
V = TypeVar("V")


class WeakTable(Generic[K, V]):
    """What `weakref.WeakKeyDictionary` is, where it is asked at each request: that takes four calls to look once."""

    def __init__(self) -> None:
        self._values: dict[ref[K], V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """What is known of an object; None where nothing is."""
        return self._values.get(ref(key))

    def set(self, key: K, value: V) -> None:
        """Remember it."""
        self._values[ref(key, self._forget)] = value

    def _forget(self, key: "ref[K]") -> None:
        self._values.pop(key, None)
