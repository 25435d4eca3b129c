"""What a loss of power leaves of a directory: the contents and the names that were flushed to the disk, and chance.

POSIX promises of a file what was there at its last `fsync`, and of a directory the names that it had at its own. Of
what came after, a loss of power may leave all, nothing, or a part. SQLite looks after its files itself, so they are
taken as they are.
"""

import os
import random
import shutil
from itertools import count
from pathlib import Path

__all__ = ["DurableState"]

_OWN_CARE = "asg.sqlite3"


class DurableState:
    """The durable state of the files under a directory. All that is there at the beginning is durable.

    Args:
        root: the directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._identities = count()
        self._by_number: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._note_tree(root)

    def _note_tree(self, directory: Path) -> None:
        for path in directory.iterdir():
            if path.is_dir():
                self._note_tree(path)
            else:
                self._contents[self._identity(path)] = path.read_bytes()
        self._names[self._identity(directory)] = self._present_names(directory)

    def _identity(self, path: Path) -> int:
        """What a file or directory is known by, under whatever name: numbers of inodes are used again."""
        return self._by_number.setdefault(path.stat(follow_symlinks=False).st_ino, next(self._identities))

    def _present_names(self, directory: Path) -> dict[str, int]:
        return {path.name: self._identity(path) for path in directory.iterdir()}

    def made(self, path: str) -> None:
        """A file or directory was made, and nothing of it is durable."""
        number = Path(path).stat().st_ino
        self._by_number[number] = next(self._identities)

    def synced(self, descriptor: int, path: str) -> None:
        """A file or directory was flushed."""
        where = Path(path)
        if where.is_dir():
            self._names[self._identity(where)] = self._present_names(where)
        else:
            identity = self._by_number.setdefault(os.fstat(descriptor).st_ino, next(self._identities))
            self._contents[identity] = where.read_bytes()

    def write_remains(self, target: Path, chance: random.Random | None) -> None:
        """Write what a loss of power leaves now.

        Args:
            target: a directory, which is made.
            chance: decides what of the rest is left; None for nothing of it.
        """
        self._write_directory(self._identity(self._root), self._root, target, chance)
        for path in self._root.glob(f"{_OWN_CARE}*"):
            shutil.copy(path, target / path.name)

    def _write_directory(self, identity: int, present: Path | None, target: Path, chance: random.Random | None) -> None:
        target.mkdir()
        names = dict(self._names.get(identity, {}))
        if chance is not None and present is not None and chance.random() < 0.5:
            names = self._present_names(present)
        for name, item in names.items():
            if name.startswith(_OWN_CARE):
                continue
            where = self._find(item)
            if item in self._names or (where is not None and where.is_dir()):
                self._write_directory(item, where, target / name, chance)
            else:
                (target / name).write_bytes(self._remains_of(item, where, chance))

    def _find(self, identity: int) -> Path | None:
        """Where a file or directory is at present."""
        for path in self._root.rglob("*"):
            if self._identity(path) == identity:
                return path
        return None

    def _remains_of(self, identity: int, present: Path | None, chance: random.Random | None) -> bytes:
        durable = self._contents.get(identity, b"")
        if chance is None or present is None:
            return durable
        current = present.read_bytes()
        if chance.random() < 0.3:
            return current
        if not current.startswith(durable):
            return durable
        return current[: chance.randint(len(durable), len(current))]
