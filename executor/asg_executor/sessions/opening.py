"""Sessions that come to be held: new ones, those of a data directory, and what others were once."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from asg_executor.allowance import current_allowance
from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import SessionDamagedError, StateMismatchError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.session import Session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.step_record import StepRecord
from asg_executor.sessions.step_request import StepRequest, tensors_digest
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles
from asg_executor.store.sessions import SessionStore, StoredSession

__all__ = ["adopt_state", "check_digest", "create_session", "open_session", "revive_session"]

_log = logging.getLogger("asg_executor")


def create_session(
    settings: SessionSettings,
    parameters: Mapping[str, Array],
    memory_limit: int,
    store: SessionStore | None,
    tenant: str = "",
) -> HeldSession:
    """Make a new session, and have it on disk.

    Args:
        settings: what it is created with.
        parameters: first values, by name.
        memory_limit: as for `Session`, in bytes.
        store: where sessions are kept; None for nowhere.
        tenant: whose it is.

    Raises:
        StoreError: it could not be kept.
        ExecutorError: as `Session` does.
    """
    id = uuid4().hex
    session = settings.session(parameters, memory_limit)
    if store is None:
        return HeldSession(id, session, settings, None, tenant)
    state = SavedState(0, session.digest(), session.state())
    current_allowance().check_disk(tenant, "the session", state.nbytes)
    files = store.create(id, settings.to_json(), state, tenant)
    return HeldSession(id, session, settings, files, tenant)


def open_session(stored: StoredSession, memory_limit: int) -> HeldSession:
    """Make a session what it was: the newest sound snapshot, and the steps since, each compared with its record.

    Args:
        stored: the session on disk.
        memory_limit: as for `Session`, in bytes.

    Raises:
        SessionDamagedError: it cannot be made what it was.
        StoreError: its files are damaged, or the system refuses to read them.
        ExecutorError: as `Session` does.
    """
    settings = SessionSettings.from_json(stored.settings)
    session = settings.session({}, memory_limit)
    try:
        last, saved = _recover(stored.id, session, stored.files)
    except BaseException:
        stored.files.close()
        raise
    return HeldSession(stored.id, session, settings, stored.files, stored.tenant, record=last, saved=saved)


def _recover(id: str, session: Session, files: SessionFiles) -> tuple[StepRecord, int]:
    """Take a session to where it was; the last step, and the number of the snapshot's."""
    state = files.load()
    session.restore(state.number, state.arrays, skipped=state.skipped)
    if session.digest() != state.digest:
        raise SessionDamagedError(f"the state of step {state.number} has another digest than was saved")
    last = StepRecord.of(state)
    for number, payload, digest, answer in files.steps(state.number):
        request = StepRequest.from_record(payload)
        answers = request.take(session)
        if tensors_digest(answers) != answer.hex():
            raise SessionDamagedError(f"step {number} was taken again and gave another answer than before")
        last = StepRecord(number, request.identity_with(digest.hex()), answers, request.note)
    if session.number > state.number:
        _log.info("session %s: took steps %d to %d again", id, state.number + 1, session.number)
    return last, state.number


def adopt_state(
    settings: SessionSettings, state: SavedState, memory_limit: int, store: SessionStore | None, tenant: str
) -> HeldSession:
    """Make a new session that is what another one was, and have it on disk.

    Args:
        settings: what the other one was created with.
        state: what it was.
        memory_limit: as for `Session`, in bytes.
        store: where sessions are kept; None for nowhere.
        tenant: whose the new one is.

    Raises:
        StateMismatchError: the state has another digest than it says.
        StoreError: it could not be kept.
        ExecutorError: as `Session` does.
    """
    id, session = uuid4().hex, _restored(settings, state, memory_limit, optimizer=True)
    if store is not None:
        current_allowance().check_disk(tenant, "the session", state.nbytes)
    files = None if store is None else store.create(id, settings.to_json(), state, tenant)
    return HeldSession(id, session, settings, files, tenant, record=StepRecord.of(state), saved=state.number)


def revive_session(
    id: str,
    settings: SessionSettings,
    state: SavedState,
    memory_limit: int,
    store: SessionStore,
    tenant: str,
    damage: str,
    *,
    optimizer: bool,
) -> tuple[HeldSession, Path]:
    """Make a damaged session what it was once, on disk, too.

    Args:
        id: its name in URLs.
        settings: what it was created with.
        state: what it was.
        memory_limit: as for `Session`, in bytes.
        store: where it is kept.
        tenant: whose it is.
        damage: what is damaged.
        optimizer: whether slots and averages are what they were; else they begin anew.

    Returns:
        The session, and the directory that has the damaged files.

    Raises:
        StateMismatchError: the state has another digest than it says.
        StoreError: it could not be kept; everything is as it was.
        ExecutorError: as `Session` does.
    """
    session = _restored(settings, state, memory_limit, optimizer=optimizer)
    present = replace(state, digest=session.digest(), arrays=session.state(), skipped=session.skipped)
    files, aside = store.revive(id, present, damage)
    return HeldSession(id, session, settings, files, tenant, record=StepRecord.of(state), saved=state.number), aside


def check_digest(session: Session, state: SavedState) -> None:
    """Find that a state is one that a session can have, and has the digest that it says.

    Raises:
        InterfaceError: it is the state of a session with other graphs or another optimizer.
        StateMismatchError: it has another digest.
    """
    digest = session.digest_of(state.number, state.arrays)
    if digest != state.digest:
        raise StateMismatchError(f"the digest of the state is {digest}, not {state.digest}, as it says itself")


def _restored(settings: SessionSettings, state: SavedState, memory_limit: int, *, optimizer: bool) -> Session:
    """A session in a state, with its slots and averages or without."""
    session = settings.session({}, memory_limit)
    check_digest(session, state)
    if optimizer:
        session.restore(state.number, state.arrays, skipped=state.skipped)
    else:
        session.restore_parameters(state.number, state.arrays)
    return session
