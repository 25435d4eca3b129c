"""`Checkpoints`: the states of a session that the executor keeps under a name."""

from collections.abc import Mapping
from typing import Any

from asg_builder.arrays import Array
from asg_builder.client.exchanges.checkpoints import CheckpointExchanges
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.transport import Transport

__all__ = ["Checkpoints"]


class Checkpoints:
    """A session's checkpoints: `session.checkpoints`.

    Args:
        transport: the connection.
        session: the session.
    """

    def __init__(self, transport: Transport, session: SessionExchanges) -> None:
        self._transport = transport
        self._exchanges = CheckpointExchanges(session)

    def create(
        self,
        name: str | None = None,
        *,
        metrics: Mapping[str, float] | None = None,
        pinned: bool | None = None,
        keep_last: int | None = None,
        keep_best: Mapping[str, Any] | None = None,
        if_match: str | None = None,
    ) -> dict[str, Any]:
        """Have the present state kept, the optimizer's included, until it is removed.

        With `keep_last` or `keep_best` the executor then removes the checkpoints that are not pinned and not among
        those that these name.

        Args:
            name: letters, digits, dots, dashes and underscores; absent: `step-<number>`.
            metrics: figures that belong to the state, by name.
            pinned: whether no later `keep_last` or `keep_best` removes it; absent: exactly where it is made without.
            keep_last: how many of the last checkpoints are kept, this one included.
            keep_best: which are kept as the best: `{"metric": "val_loss", "mode": "min", "count": 1}`.
            if_match: the digest of the only state in which it happens, as `Session.digest` returns it; absent: in any.

        Returns:
            Its `name`, `step`, `digest`, `bytes`, `created`, `metrics` and `pinned`, and the names of those `removed`.

        Raises:
            Conflict: another state has the name, the executor keeps nothing, or the state is not that of `if_match`.
            ClientError: see `asg_builder.client.errors`.
        """
        creating = self._exchanges.create(
            name, metrics, pinned=pinned, keep_last=keep_last, keep_best=keep_best, if_match=if_match
        )
        return self._transport.perform(creating)

    def list(self) -> "list[dict[str, Any]]":
        """What `create` returned for each but `removed`, in the order in which they were made."""
        return self._transport.perform(self._exchanges.list())

    def parameters(self, name: str) -> dict[str, Array]:
        """The parameters that a checkpoint has, by name.

        Raises:
            NotFound: there is no such checkpoint.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.parameters(name))

    def restore(self, name: str, *, optimizer: bool = True, if_match: str | None = None) -> None:
        """Make the session what it was; `session.number` goes back, and the steps since are no more.

        Args:
            name: the checkpoint's name.
            optimizer: whether the optimizer's slots are restored, too; else they begin anew.
            if_match: the digest of the only state in which it happens, as `Session.digest` returns it; absent: in any.
                It is then not sent again where its answer is lost, because it changes the state itself.

        Raises:
            NotFound: there is no such checkpoint.
            Conflict: the state is not that of `if_match` (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        self._transport.perform(self._exchanges.restore(name, optimizer=optimizer, if_match=if_match))

    def export(self, name: str, url: str) -> dict[str, Any]:
        """Write a checkpoint to a URL, with all that it takes to go on from it on another executor.

        Args:
            name: the checkpoint's name.
            url: a directory below one of the executor's `export_urls`, such as `s3://bucket/runs/1`. It is the executor
                that writes there, not this program.

        Returns:
            Its `url`, `step`, `digest` and `bytes`.

        Raises:
            AccessDenied: the executor exports nothing to this URL.
            NotFound: there is no such checkpoint.
            Conflict: another checkpoint is at the URL; none is replaced.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.export(name, url))

    def import_(self, url: str, name: str | None = None, *, if_match: str | None = None) -> dict[str, Any]:
        """Have a checkpoint that was exported to a URL among those of this session; the session stays as it is.

        Args:
            url: where it is; the executor reads it.
            name: its name in this session; absent: `step-<number>`.
            if_match: the digest of the only state in which it happens, as `Session.digest` returns it; absent: in any.

        Returns:
            What `create` returns, but `removed`.

        Raises:
            AccessDenied: the executor imports nothing from this URL.
            NotFound: there is no exported checkpoint.
            ValidationProblem: it is damaged, or of a session with other parameters or another optimizer.
            Conflict: another state has the name, or the state is not that of `if_match`.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(self._exchanges.import_(url, name, if_match))

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Remove a checkpoint.

        Args:
            name: the checkpoint's name.
            if_match: the digest that its state is to have; absent: whichever it has.

        Raises:
            NotFound: there is no such checkpoint.
            Conflict: it has another state (`.code == "state_changed"`).
            ClientError: see `asg_builder.client.errors`.
        """
        self._transport.perform(self._exchanges.delete(name, if_match))
