"""`session.with_raw_response`: the methods of a session and its checkpoints that one response answers."""

from typing import TYPE_CHECKING

from asg_builder.client.raw_response import async_raw, raw

if TYPE_CHECKING:
    from asg_builder.client.async_checkpoints import AsyncCheckpoints
    from asg_builder.client.async_session import AsyncSession
    from asg_builder.client.checkpoints import Checkpoints
    from asg_builder.client.session import Session

__all__ = ["AsyncRawCheckpoints", "AsyncRawSession", "RawCheckpoints", "RawSession"]


class RawCheckpoints:
    """The methods of `Checkpoints`, each returning a `RawResponse`.

    Args:
        checkpoints: whose methods they are.
    """

    def __init__(self, checkpoints: "Checkpoints") -> None:
        self.create = raw(checkpoints.create)
        self.list = raw(checkpoints.list)
        self.parameters = raw(checkpoints.parameters)
        self.restore = raw(checkpoints.restore)
        self.export = raw(checkpoints.export)
        self.import_ = raw(checkpoints.import_)
        self.delete = raw(checkpoints.delete)


class AsyncRawCheckpoints:
    """The methods of `AsyncCheckpoints`, each returning a `RawResponse`.

    Args:
        checkpoints: whose methods they are.
    """

    def __init__(self, checkpoints: "AsyncCheckpoints") -> None:
        self.create = async_raw(checkpoints.create)
        self.list = async_raw(checkpoints.list)
        self.parameters = async_raw(checkpoints.parameters)
        self.restore = async_raw(checkpoints.restore)
        self.export = async_raw(checkpoints.export)
        self.import_ = async_raw(checkpoints.import_)
        self.delete = async_raw(checkpoints.delete)


class RawSession:
    """The methods of `Session`, each returning a `RawResponse`.

    Args:
        session: whose methods they are.
    """

    def __init__(self, session: "Session") -> None:
        self.step = raw(session.step)
        self.step_micro_batches = raw(session.step_micro_batches)
        self.run = raw(session.run)
        self.parameters = raw(session.parameters)
        self.averaged_parameters = raw(session.averaged_parameters)
        self.set_parameters = raw(session.set_parameters)
        self.load_parameters = raw(session.load_parameters)
        self.save = raw(session.save)
        self.digest = raw(session.digest)
        self.refresh = raw(session.refresh)
        self.checkpoints = RawCheckpoints(session.checkpoints)


class AsyncRawSession:
    """The methods of `AsyncSession`, each returning a `RawResponse`.

    Args:
        session: whose methods they are.
    """

    def __init__(self, session: "AsyncSession") -> None:
        self.step = async_raw(session.step)
        self.step_micro_batches = async_raw(session.step_micro_batches)
        self.run = async_raw(session.run)
        self.parameters = async_raw(session.parameters)
        self.averaged_parameters = async_raw(session.averaged_parameters)
        self.set_parameters = async_raw(session.set_parameters)
        self.load_parameters = async_raw(session.load_parameters)
        self.save = async_raw(session.save)
        self.digest = async_raw(session.digest)
        self.refresh = async_raw(session.refresh)
        self.checkpoints = AsyncRawCheckpoints(session.checkpoints)
