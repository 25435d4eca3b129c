"""Rows that were lost, made again from the files that they told of.

A file counts only where it says itself what it has to be: `row.json` of a session has the checksum of its row, which
has that of `session.json`, and a snapshot has its manifest's in `manifest.sha256`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from asg_executor.repair.salvage import RowValues
from asg_executor.store.acknowledged_step import AcknowledgedStep
from asg_executor.store.database import row_checksum
from asg_executor.store.durable_files import TEMPORARY_PREFIX
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.saved_state import SavedState, read_state
from asg_executor.store.session_files import ACKNOWLEDGED
from asg_executor.store.sessions import ROW_FILE
from asg_executor.store.snapshots import own_digest

__all__ = ["FoundState", "found_states", "of_one_history", "session_row"]


class FoundState(NamedTuple):
    """A snapshot or checkpoint whose row was lost, and every byte of which is sound.

    Attributes:
        path: its directory.
        state: the state.
        details: what else its manifest says.
        manifest: the SHA-256 of that.
        bytes: how many bytes it takes.
        created: when it was written, in seconds since 1970.
    """

    path: Path
    state: SavedState
    details: Mapping[str, Any]
    manifest: str
    bytes: int
    created: float

    def row(self, session: str) -> dict[str, Any]:
        """What snapshots and checkpoints have in common as rows."""
        return {
            "session": session,
            "directory": self.path.name,
            "step": self.state.number,
            "manifest": self.manifest,
            "bytes": self.bytes,
            "created": self.created,
        }


def session_row(directory: Path) -> RowValues:
    """The row of a session as its directory has it.

    Raises:
        DamagedFileError: it has none, or one that was changed.
    """
    path = directory / ROW_FILE
    try:
        row: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DamagedFileError(path, "it is missing; sessions of earlier versions have none") from None
    except (OSError, ValueError) as error:
        raise DamagedFileError(path, str(error)) from None
    whole = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    values = {name: value for name, value in whole.items() if name != "checksum"}
    if not values or whole.get("checksum") != row_checksum(values):
        raise DamagedFileError(path, "it does not hold what was written to it")
    id = directory.name.removeprefix(TEMPORARY_PREFIX)
    if values["id"] != id:
        raise DamagedFileError(path, f"it is that of the session {values['id']}")
    return whole


def found_states(folder: Path, known: Sequence[str]) -> Iterator[FoundState | DamagedFileError]:
    """The snapshots or checkpoints in a folder that no row tells of.

    Args:
        folder: where they are.
        known: the names of the directories that a row tells of.

    Returns:
        Each that is sound, and what is wrong with each that is not.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name in known or path.name.startswith(TEMPORARY_PREFIX):
            continue
        try:
            manifest = own_digest(path)
            state, details = read_state(path, manifest)
        except DamagedFileError as error:
            yield error
        except StoreError as error:
            yield DamagedFileError(path, str(error))
        else:
            files = [file.stat() for file in path.iterdir()]
            created = max(file.st_mtime for file in files)
            yield FoundState(path, state, details, manifest, sum(file.st_size for file in files), created)


def of_one_history(directory: Path, found: Sequence[FoundState]) -> str:
    """The history that goes on, where a crash has left snapshots of several.

    It is that of the last step that was acknowledged; where none of them is, the newest.

    Args:
        directory: the session's.
        found: its snapshots, at least one.
    """
    acknowledged = AcknowledgedStep(directory / ACKNOWLEDGED)
    histories = {item.details["history"] for item in found}
    for history in sorted(histories):
        if acknowledged.read(history):
            return history
    return max(found, key=lambda item: item.created).details["history"]
