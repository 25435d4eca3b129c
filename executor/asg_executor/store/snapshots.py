"""Snapshots: what a session was at a step, in files whose every byte is accounted for.

A snapshot is a directory with its files and `manifest.json`, which has the length and the SHA-256 of each. The digest
of the manifest itself is given to whoever writes a snapshot, and is asked of whoever reads it. It stands in
`manifest.sha256`, too, as `sha256sum` writes it, for the day when whoever knew it has lost it.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

from asg_executor.store.durable_files import storage_errors, write_directory
from asg_executor.store.errors import DamagedFileError

__all__ = ["Snapshot", "own_digest", "read_snapshot", "write_snapshot"]

_MANIFEST, _OWN_DIGEST = "manifest.json", "manifest.sha256"
_FORMAT = 1


class Snapshot(NamedTuple):
    """A snapshot that was found to be sound.

    Attributes:
        details: what its manifest says of it.
        files: its files' contents, by name.
    """

    details: Mapping[str, Any]
    files: Mapping[str, bytes]


def write_snapshot(
    path: Path, details: Mapping[str, Any], files: Mapping[str, Sequence[bytes | memoryview]]
) -> tuple[str, int]:
    """Write a snapshot, whole; there must be no directory of that name.

    Args:
        path: the directory.
        details: what the manifest is to say of it, as JSON.
        files: the contents of each file, in pieces, by name.

    Returns:
        The SHA-256 of the manifest, in hexadecimal, and how many bytes the snapshot takes.

    Raises:
        StorageFullError: there is no room; nothing is kept.
        StoreError: the system refuses; likewise.
    """
    listed = {name: _account(pieces) for name, pieces in files.items()}
    manifest = json.dumps({"format": _FORMAT, "details": details, "files": listed}, indent=1, sort_keys=True).encode()
    digest = sha256(manifest).hexdigest()
    note = _digest_note(digest)
    write_directory(path, {**files, _MANIFEST: [manifest], _OWN_DIGEST: [note]})
    return digest, len(manifest) + len(note) + sum(item["bytes"] for item in listed.values())


def _digest_note(digest: str) -> bytes:
    return f"{digest}  {_MANIFEST}\n".encode()


def own_digest(path: Path) -> str:
    """The SHA-256 of a snapshot's manifest as the snapshot itself has it, in hexadecimal.

    Raises:
        DamagedFileError: it has none, or another one than its manifest.
        StoreError: the system refuses.
    """
    digest = sha256(_read(path / _MANIFEST)).hexdigest()
    if _read(path / _OWN_DIGEST) != _digest_note(digest):
        raise DamagedFileError(path / _MANIFEST, f"its SHA-256 is not that of {_OWN_DIGEST}")
    return digest


def _account(pieces: Sequence[bytes | memoryview]) -> dict[str, Any]:
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return {"bytes": sum(memoryview(piece).nbytes for piece in pieces), "sha256": digest.hexdigest()}


def read_snapshot(path: Path, manifest_digest: str) -> Snapshot:
    """Read a snapshot, and find that it is what was written.

    Args:
        path: the directory.
        manifest_digest: what `write_snapshot` returned.

    Raises:
        DamagedFileError: a file is missing or does not hold what was written to it.
        StoreError: the system refuses.
    """
    manifest_path = path / _MANIFEST
    content = _read(manifest_path)
    if sha256(content).hexdigest() != manifest_digest:
        raise DamagedFileError(manifest_path, f"its SHA-256 is not {manifest_digest}, with which it was written")
    manifest = cast("dict[str, Any]", json.loads(content))
    if manifest["format"] != _FORMAT:
        raise DamagedFileError(manifest_path, f"it has the format {manifest['format']}; {_FORMAT} is read here")
    return Snapshot(manifest["details"], {name: _file(path / name, item) for name, item in manifest["files"].items()})


def _file(path: Path, account: Mapping[str, Any]) -> bytes:
    content = _read(path)
    if len(content) != account["bytes"]:
        raise DamagedFileError(path, f"it has {len(content)} bytes, and {account['bytes']} were written")
    if sha256(content).hexdigest() != account["sha256"]:
        raise DamagedFileError(path, f"its SHA-256 is not {account['sha256']}, with which it was written")
    return content


def _read(path: Path) -> bytes:
    with storage_errors(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise DamagedFileError(path, "it is missing") from None
