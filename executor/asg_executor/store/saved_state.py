"""`SavedState`: a session after a step, as a snapshot on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import read_safetensors, write_safetensors
from asg_executor.sessions.step_request import joined, parts_of
from asg_executor.store.snapshots import read_snapshot, write_snapshot

__all__ = ["SavedState", "read_state", "write_state"]

_STATE, _ANSWER = "state.safetensors", "answer.safetensors"


@dataclass(frozen=True, slots=True)
class SavedState:
    """A session after a step.

    Attributes:
        number: the number of the step.
        digest: the digest of the session's state.
        arrays: the state itself, by name.
        request: the identity of the step's request; empty before the first step.
        answers: what the step answered: the outputs of each part, by name.
        skipped: whether the step was taken without its changes.
        note: what whoever asked for the step wanted to find with the state.
    """

    number: int
    digest: str
    arrays: Mapping[str, Array]
    request: str = ""
    answers: Sequence[Mapping[str, Array]] = ()
    skipped: bool = False
    note: str | None = None

    @property
    def nbytes(self) -> int:
        """How many bytes the arrays of the state and of the answers have."""
        answers = sum(array.nbytes for part in self.answers for array in part.values())
        return answers + sum(array.nbytes for array in self.arrays.values())


def write_state(path: Path, state: SavedState, details: Mapping[str, Any]) -> tuple[str, int]:
    """Write a state as a snapshot.

    Args:
        path: its directory; there must be none of that name.
        state: the state.
        details: what else the manifest is to say.

    Returns:
        The SHA-256 of the manifest, in hexadecimal, and how many bytes the snapshot takes.

    Raises:
        StorageFullError: there is no room; nothing is kept.
        StoreError: the system refuses; likewise.
    """
    own = {
        "step": state.number,
        "digest": state.digest,
        "request": state.request,
        "parts": len(state.answers),
        "skipped": state.skipped,
        **({} if state.note is None else {"note": state.note}),
    }
    answers = write_safetensors(joined(state.answers), {})
    files = {_STATE: [write_safetensors(state.arrays, {})], _ANSWER: [answers]}
    return write_snapshot(path, {**details, **own}, files)


def read_state(path: Path, manifest: str) -> tuple[SavedState, Mapping[str, Any]]:
    """Read a state, and what else its manifest says.

    Args:
        path: its directory.
        manifest: the SHA-256 of the manifest, as `write_state` returned it.

    Raises:
        DamagedFileError: a file is missing or does not hold what was written to it.
        StoreError: the system refuses.
    """
    details, files = read_snapshot(path, manifest)
    arrays, _ = read_safetensors(files[_STATE])
    tensors, _ = read_safetensors(files[_ANSWER])
    answers = parts_of(tensors, details["parts"])
    number, digest, request, skipped = (details[name] for name in ("step", "digest", "request", "skipped"))
    return SavedState(number, digest, arrays, request, answers, skipped, details.get("note")), details
