"""`UnusableSession`: a session that is damaged, and what can still be done with it."""

import asyncio
import logging

from asg_executor.sessions.errors import SessionDamagedError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import revive_session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.sessions import SessionStore

__all__ = ["UnusableSession"]

_log = logging.getLogger("asg_executor")


class UnusableSession:
    """A session that is damaged. Its checkpoints can be read and removed, one of them be restored, or it be deleted.

    Args:
        id: its name in URLs.
        reason: what is damaged.
        tenant: whose it is; None where not even that is known.
        settings: what it was created with; None where that is damaged, too.
        store: where it is kept.

    Attributes:
        lock: held by whoever does something with it.
    """

    def __init__(
        self, id: str, reason: str, tenant: str | None, settings: SessionSettings | None, store: SessionStore
    ) -> None:
        self.id = id
        self.reason = reason
        self.tenant = tenant
        self.lock = asyncio.Lock()
        self._settings = settings
        self._store = store

    def error(self) -> SessionDamagedError:
        """Why it cannot be used."""
        return SessionDamagedError(
            f"the session {self.id} is damaged and is not used: {self.reason}; nothing was removed, and "
            f"POST /v1/sessions/{self.id}/checkpoints/{{name}}/restore makes it what it was at a checkpoint"
        )

    @property
    def settings(self) -> SessionSettings:
        """What it was created with.

        Raises:
            SessionDamagedError: that is damaged, too.
        """
        if self._settings is None:
            raise SessionDamagedError(
                f"it is not known any more what the session {self.id} was created with: {self.reason}; the parameters "
                "of its checkpoints can be downloaded"
            )
        return self._settings

    @property
    def checkpoints(self) -> CheckpointFiles:
        """The states that were given a name.

        Raises:
            StoreError: the system refuses.
        """
        return self._store.checkpoints(self.id)

    def restore(self, name: str, memory_limit: int, *, optimizer: bool) -> tuple[HeldSession, str]:
        """Make the session what it was at a checkpoint. What is damaged is set aside, and nothing of it is removed.

        Args:
            name: the checkpoint's name.
            memory_limit: as for `Session`, in bytes.
            optimizer: whether slots and averages are what they were; else they begin anew.

        Returns:
            The session, and the name of the directory, below its own, that has the files that were damaged.

        Raises:
            SessionDamagedError: what it was created with is damaged, too.
            DamagedFileError: the checkpoint is damaged.
            StoreError: the system refuses; everything is as it was.
        """
        settings, state = self.settings, self.checkpoints.read(name)
        held, aside = revive_session(
            self.id, settings, state, memory_limit, self._store, self.tenant or "", self.reason, optimizer=optimizer
        )
        _log.warning(
            'session %s was damaged and is that of its checkpoint "%s" again, step %d; %s has what was there',
            self.id,
            name,
            state.number,
            aside,
        )
        return held, aside.name
