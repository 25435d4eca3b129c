"""Checkpoints made of a session: of its present state, or of one that was another's."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asg_executor.allowance import current_allowance
from asg_executor.sessions.errors import CheckpointError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import check_digest
from asg_executor.sessions.retention import Retention
from asg_executor.store.checkpoints import Checkpoint
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.saved_state import SavedState

__all__ = ["AddedCheckpoint", "add_checkpoint", "add_state"]

_log = logging.getLogger("asg_executor")


class AddedCheckpoint(NamedTuple):
    """A checkpoint that was made, now or before.

    Attributes:
        checkpoint: what is known of it.
        removed: the names of the checkpoints that its retention removed.
    """

    checkpoint: Checkpoint
    removed: list[str]


def add_checkpoint(
    held: HeldSession,
    name: str,
    *,
    metrics: Mapping[str, float] | None = None,
    retention: Retention | None = None,
    pinned: bool | None = None,
) -> AddedCheckpoint:
    """Have a session's present state on disk under a name; what a retention does not keep goes in that moment.

    Where the same state is there already under that name, with the same metrics, that is it.

    Args:
        held: the session, whose lock the caller holds.
        name: the name.
        metrics: figures that belong to the state, by name.
        retention: which checkpoints are kept, of those that are not pinned; None for all.
        pinned: whether no retention removes this one, now or later; None: where it is made without one.

    Raises:
        CheckpointError: another state has the name, or the same one with other metrics.
        NothingKeptError: the service keeps nothing.
        DiskQuotaError: the tenant would have too much on the disk.
        StoreError: the system refuses; nothing was kept, and nothing removed.
    """
    figures = dict(metrics or {})
    checkpoints = held.checkpoints
    present = checkpoints.find(name)
    if present is None:
        state = held.state()
        _check_room(held, name, state)
        lasting = retention is None if pinned is None else pinned
        new = Checkpoint(name, state.number, state.digest, state.nbytes, time.time(), figures, lasting)
        surplus = _surplus(held, retention, [*checkpoints.all(), new], name)
        return AddedCheckpoint(checkpoints.add(name, state, figures, pinned=lasting, replaced=surplus), surplus)
    if (present.digest, _text(present.metrics)) != (held.digest(), _text(figures)):  # a NaN is equal to none
        raise CheckpointError(
            f'the checkpoint "{name}" has the state of step {present.step} and the metrics {present.metrics}; '
            "delete it first, or take another name"
        )
    surplus = _surplus(held, retention, checkpoints.all(), name)
    if surplus:
        checkpoints.remove(surplus)
    return AddedCheckpoint(present, surplus)


def _surplus(held: HeldSession, retention: Retention | None, checkpoints: Sequence[Checkpoint], made: str) -> list[str]:
    """The names of those that a retention does not keep, but for `made`. Damaged rows decide nothing."""
    if retention is None:
        return []
    try:
        held.checkpoints.check()
    except DamagedFileError as error:
        _log.warning("session %s: surplus checkpoints are not removed: %s", held.id, error)
        return []
    return [item.name for item in retention.surplus(checkpoints) if item.name != made]


def add_state(held: HeldSession, name: str, state: SavedState, metrics: Mapping[str, float]) -> Checkpoint:
    """Have a state that was not a session's on disk among its checkpoints, pinned; the session stays as it is.

    Where it is there already under that name, that is it.

    Args:
        held: the session, whose lock the caller holds.
        name: the name.
        state: the state.
        metrics: figures that belong to it, by name.

    Raises:
        InterfaceError: it is the state of a session with other graphs or another optimizer.
        StateMismatchError: its digest is another than it says.
        CheckpointError: another state has the name.
        NothingKeptError: the service keeps nothing.
        DiskQuotaError: the tenant would have too much on the disk.
        StoreError: it could not be kept.
    """
    present = held.checkpoints.find(name)
    if present is not None and present.digest != state.digest:
        raise CheckpointError(
            f'the checkpoint "{name}" has the state of step {present.step}; delete it first, or take another name'
        )
    check_digest(held.session, state)
    if present is None:
        _check_room(held, name, state)
    return present or held.checkpoints.add(name, state, metrics)


def _check_room(held: HeldSession, name: str, state: SavedState) -> None:
    current_allowance().check_disk(held.tenant, f'the checkpoint "{name}"', state.nbytes)


def _text(metrics: Mapping[str, float]) -> str:
    """By what equal metrics are known, in whichever order."""
    return repr(sorted(metrics.items()))
