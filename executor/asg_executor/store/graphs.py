"""`GraphStore`: documents by their semantic digest."""

from collections import OrderedDict
from threading import Lock
from typing import Protocol

from asg_schema.document import Document

__all__ = ["GraphStore", "MemoryGraphStore"]


class GraphStore(Protocol):
    """Keeps documents by what they mean. Its methods may be called from several threads."""

    def add(self, document: Document) -> bool:
        """Keep a document; True where no document of its digest was there."""
        ...

    def get(self, digest: str) -> Document | None:
        """The document of this digest, if it is there."""
        ...


class MemoryGraphStore:
    """A `GraphStore` in memory.

    Args:
        capacity: how many documents are kept. The least recently used one goes first; whoever needs it again sends it
            again, and sessions hold their own.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()

    def add(self, document: Document) -> bool:
        """Keep a document; True where no document of its digest was there. The first one stays."""
        digest = document.digest
        with self._lock:
            new = digest not in self._documents
            self._documents.setdefault(digest, document)
            self._documents.move_to_end(digest)
            while len(self._documents) > self._capacity:
                self._documents.popitem(last=False)
        return new

    def get(self, digest: str) -> Document | None:
        """The document of this digest, if it is there."""
        with self._lock:
            if digest not in self._documents:
                return None
            self._documents.move_to_end(digest)
            return self._documents[digest]
