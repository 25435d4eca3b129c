"""What is damaged of a session, set aside where it is not in the way and not lost: `damaged-<time>/`."""

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from asg_executor.store.durable_files import (
    TEMPORARY_PREFIX,
    remove_tree,
    storage_errors,
    sync_directory,
    write_file,
)

__all__ = ["set_aside"]

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.EXDEV})


def set_aside(directory: Path, folders: Sequence[str], details: Mapping[str, Any]) -> Path:
    """Keep the files of folders under a further name, so that they may be removed where they are.

    Args:
        directory: where the folders are.
        folders: their names; one that is missing has no files.
        details: what else is known of the damage, for `damage.json`.

    Returns:
        The directory `damaged-<time>` that they stand in, too. It is there whole, or not at all.

    Raises:
        StorageFullError: there is no room; everything is as it was.
        StoreError: the system refuses; likewise.
    """
    now = datetime.now(UTC)
    path = directory / f"damaged-{now.strftime('%Y%m%dT%H%M%S.%fZ')}"
    unfinished = directory / f"{TEMPORARY_PREFIX}{uuid4().hex}"
    try:
        with storage_errors(path):
            unfinished.mkdir()
            for name in folders:
                _keep_tree(directory / name, unfinished / name)
            sync_directory(unfinished)
        text = json.dumps({"time": now.isoformat(), **details}, indent=1).encode()
        write_file(unfinished / "damage.json", [text])
        with storage_errors(path):
            unfinished.rename(path)
            sync_directory(directory)
    except BaseException:
        remove_tree(unfinished)
        raise
    return path


def _keep_tree(source: Path, target: Path) -> None:
    """Keep all files below a directory, if there is one."""
    # shutil.copytree would make one error, without a number, of all that it meets.
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir()
        for name in names:
            _keep(Path(folder) / name, into / name)
        sync_directory(into)


def _keep(source: Path, target: Path) -> None:
    """Give a file a further name; where the system has none such, a copy, flushed to the disk."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
