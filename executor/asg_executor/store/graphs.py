"""`GraphStore`: documents by their semantic digest; `TenantGraphs`: one for each tenant.

Tenants share no document, though it means the same: the names in it, and that it is there, are nobody else's business.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Protocol

from asg_executor.store.durable_files import make_directory, remove_unfinished, storage_errors, write_file
from asg_executor.store.errors import DamagedFileError
from asg_schema.document import Document

__all__ = ["DirectoryGraphStore", "GraphStore", "MemoryGraphStore", "TenantGraphs"]

_CACHED = 64

_log = logging.getLogger("asg_executor")


class GraphStore(Protocol):
    """Keeps documents by what they mean. Its methods may be called from several threads."""

    def add(self, document: Document) -> bool:
        """Keep a document; True where no document of its digest was there."""
        ...

    def get(self, digest: str) -> Document | None:
        """The document of this digest, if it is there."""
        ...

    @property
    def stored_bytes(self) -> int:
        """How many bytes the documents take on the disk."""
        ...


class TenantGraphs:
    """The documents of each tenant. Its methods may be called from several threads.

    Args:
        make: makes the store of a tenant, when it is first needed.
    """

    def __init__(self, make: Callable[[str], GraphStore]) -> None:
        self._make = make
        self._stores: dict[str, GraphStore] = {}
        self._lock = Lock()

    def of(self, tenant: str) -> GraphStore:
        """The documents of a tenant.

        Raises:
            StoreError: the system refuses.
        """
        with self._lock:
            if tenant not in self._stores:
                self._stores[tenant] = self._make(tenant)
            return self._stores[tenant]


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

    @property
    def stored_bytes(self) -> int:
        """How many bytes the documents take on the disk: none."""
        return 0

    def get(self, digest: str) -> Document | None:
        """The document of this digest, if it is there."""
        with self._lock:
            if digest not in self._documents:
                return None
            self._documents.move_to_end(digest)
            return self._documents[digest]


class DirectoryGraphStore:
    """A `GraphStore` on disk: `<digest>.<SHA-256 of the file>.json` each.

    Args:
        directory: where the files are; made where there is none.
        capacity: how many documents are kept. The least recently used one goes first; sessions hold their own.

    Raises:
        StoreError: the system refuses.
    """

    def __init__(self, directory: Path, capacity: int) -> None:
        self._directory = directory
        self._capacity = capacity
        self._cache = MemoryGraphStore(_CACHED)
        self._lock = Lock()
        make_directory(directory)
        remove_unfinished(directory)
        with storage_errors(directory):
            found = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            self._sizes = {path.name: path.stat().st_size for path in found}
        self._paths = OrderedDict((path.name.partition(".")[0], path) for path in found)

    def add(self, document: Document) -> bool:
        """Have a document on disk; True where no document of its digest was there. The first one stays, if it is sound.

        Raises:
            StorageFullError: there is no room.
            StoreError: the system refuses.
        """
        digest = document.digest
        with self._lock:
            if digest in self._paths and self._is_sound(digest):
                self._paths.move_to_end(digest)
                return False
            content = document.to_json().encode()
            path = self._directory / f"{digest}.{sha256(content).hexdigest()}.json"
            write_file(path, [content])
            self._paths[digest] = path
            self._sizes[path.name] = len(content)
            while len(self._paths) > self._capacity:
                _, oldest = self._paths.popitem(last=False)
                with storage_errors(oldest):
                    oldest.unlink(missing_ok=True)
                self._sizes.pop(oldest.name, None)
        self._cache.add(document)
        return True

    @property
    def stored_bytes(self) -> int:
        """How many bytes the documents take on the disk."""
        with self._lock:
            return sum(self._sizes[path.name] for path in self._paths.values())

    def _is_sound(self, digest: str) -> bool:
        """Whether the file of a document is what was written; one that is not can be written anew."""
        if self._cache.get(digest) is not None:
            return True
        try:
            self._cache.add(_read(self._paths[digest]))
        except DamagedFileError as error:
            _log.error("%s; the document was sent again and is written anew", error)
            return False
        return True

    def get(self, digest: str) -> Document | None:
        """The document of this digest, if it is there.

        Raises:
            DamagedFileError: its file does not hold what was written to it.
            StoreError: the system refuses.
        """
        with self._lock:
            path = self._paths.get(digest)
            if path is None:
                return None
            self._paths.move_to_end(digest)
        document = self._cache.get(digest)
        if document is None:
            document = _read(path)
            self._cache.add(document)
        return document


def _read(path: Path) -> Document:
    with storage_errors(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DamagedFileError(path, "it is missing") from None
    if sha256(content).hexdigest() != path.name.split(".")[1]:
        raise DamagedFileError(path, "its SHA-256 is not the one in its name")
    return Document.from_json(content)
