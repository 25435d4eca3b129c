"""`Checkpoints`: the states of a session that the executor keeps under a name."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from asg_builder.arrays import Array
from asg_builder.client.payload import decode
from asg_builder.client.transport import SAFETENSORS, Transport

__all__ = ["Checkpoints"]


class Checkpoints:
    """A session's checkpoints: `session.checkpoints`.

    Args:
        transport: the connection.
        path: the session's path.
        restored: told the number of the step that the session is at after `restore`.
    """

    def __init__(self, transport: Transport, path: str, restored: Callable[[int], None]) -> None:
        self._transport = transport
        self._path = f"{path}/checkpoints"
        self._restored = restored

    def create(
        self,
        name: str | None = None,
        *,
        metrics: Mapping[str, float] | None = None,
        pinned: bool | None = None,
        keep_last: int | None = None,
        keep_best: Mapping[str, Any] | None = None,
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

        Returns:
            Its `name`, `step`, `digest`, `bytes`, `created`, `metrics` and `pinned`, and the names of those `removed`.

        Raises:
            Conflict: another state has the name, or the executor keeps nothing.
            ClientError: see `asg_builder.client.errors`.
        """
        numbers = {key: float(value) for key, value in (metrics or {}).items()}
        fields: dict[str, Any] = {
            "name": name,
            "metrics": {key: value if math.isfinite(value) else str(value) for key, value in numbers.items()} or None,
            "pinned": pinned,
            "keep_last": keep_last,
            "keep_best": None if keep_best is None else dict(keep_best),
        }
        body = json.dumps({key: value for key, value in fields.items() if value is not None})
        return self._transport.request("POST", self._path, body=body.encode(), idempotent=True).json()

    def list(self) -> "list[dict[str, Any]]":
        """What `create` returned for each but `removed`, in the order in which they were made."""
        return self._transport.request("GET", self._path, idempotent=True).field("checkpoints")

    def parameters(self, name: str) -> dict[str, Array]:
        """The parameters that a checkpoint has, by name.

        Raises:
            NotFound: there is no such checkpoint.
            ClientError: see `asg_builder.client.errors`.
        """
        return decode(self._transport.request("GET", self._of(name), accept=SAFETENSORS, idempotent=True).body).tensors

    def restore(self, name: str, *, optimizer: bool = True) -> None:
        """Make the session what it was; `session.number` goes back, and the steps since are no more.

        Args:
            name: the checkpoint's name.
            optimizer: whether the optimizer's slots are restored, too; else they begin anew.

        Raises:
            NotFound: there is no such checkpoint.
            ClientError: see `asg_builder.client.errors`.
        """
        body = json.dumps({"optimizer": optimizer}).encode()
        answer = self._transport.request("POST", f"{self._of(name)}/restore", body=body, idempotent=True)
        self._restored(int(answer.field("step")))

    def delete(self, name: str) -> None:
        """Remove a checkpoint.

        Raises:
            NotFound: there is no such checkpoint.
            ClientError: see `asg_builder.client.errors`.
        """
        self._transport.request("DELETE", self._of(name), idempotent=True)

    def _of(self, name: str) -> str:
        return f"{self._path}/{quote(name, safe='')}"
