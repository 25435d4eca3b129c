"""The states of a session that the executor keeps under a name."""

import math
from collections.abc import Mapping
from typing import Any

from asg_builder.arrays import Array
from asg_builder.client.exchanges.asking import ask, get, get_tensors, only_in, post_json, quoted
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.request import Exchange, Request

__all__ = ["CheckpointExchanges"]


class CheckpointExchanges:
    """What can be asked of a session's checkpoints; the methods are those of `Checkpoints`.

    Args:
        session: the session.
    """

    def __init__(self, session: SessionExchanges) -> None:
        self._session = session
        self._path = f"{session.path}/checkpoints"

    def create(
        self,
        name: str | None,
        metrics: Mapping[str, float] | None,
        *,
        pinned: bool | None,
        keep_last: int | None,
        keep_best: Mapping[str, Any] | None,
        if_match: str | None,
    ) -> Exchange[dict[str, Any]]:
        """Have the present state kept."""
        numbers = {key: float(value) for key, value in (metrics or {}).items()}
        fields: dict[str, Any] = {
            "name": name,
            "metrics": {key: value if math.isfinite(value) else str(value) for key, value in numbers.items()} or None,
            "pinned": pinned,
            "keep_last": keep_last,
            "keep_best": None if keep_best is None else dict(keep_best),
        }
        given = {key: value for key, value in fields.items() if value is not None}
        return (yield from post_json(self._path, given, only_in(if_match))).json()

    def list(self) -> "Exchange[list[dict[str, Any]]]":
        """All checkpoints, in the order in which they were made."""
        return (yield from get(self._path)).field("checkpoints")

    def parameters(self, name: str) -> Exchange[dict[str, Array]]:
        """The parameters that a checkpoint has."""
        return (yield from get_tensors(self._of(name))).tensors

    def restore(self, name: str, *, optimizer: bool, if_match: str | None) -> Exchange[None]:
        """Make the session what it was."""
        path, headers = f"{self._of(name)}/restore", only_in(if_match)
        # Where the answer is lost, the state may be another by this very request.
        answer = yield from post_json(path, {"optimizer": optimizer}, headers, idempotent=if_match is None)
        self._session.number = int(answer.field("step"))

    def export(self, name: str, url: str) -> Exchange[dict[str, Any]]:
        """Write a checkpoint to a URL."""
        return (yield from post_json(f"{self._of(name)}/export", {"url": url})).json()

    def import_(self, url: str, name: str | None, if_match: str | None) -> Exchange[dict[str, Any]]:
        """Have a checkpoint that was exported to a URL among the session's."""
        fields = {"url": url} if name is None else {"url": url, "name": name}
        return (yield from post_json(f"{self._path}/import", fields, only_in(if_match))).json()

    def delete(self, name: str, if_match: str | None) -> Exchange[None]:
        """Remove a checkpoint."""
        yield from ask(Request("DELETE", self._of(name), headers=only_in(if_match)))

    def _of(self, name: str) -> str:
        return f"{self._path}/{quoted(name)}"
