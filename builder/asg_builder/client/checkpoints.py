"""`Checkpoints`: the states of a session that the executor keeps under a name."""

import json
from collections.abc import Callable
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

    def create(self, name: str | None = None) -> dict[str, Any]:
        """Have the present state kept, the optimizer's included, until it is removed.

        Args:
            name: letters, digits, dots, dashes and underscores; absent: `step-<number>`.

        Returns:
            Its `name`, `step`, `digest`, `bytes` and `created`.

        Raises:
            Conflict: another state has the name, or the executor keeps nothing.
            ClientError: see `asg_builder.client.errors`.
        """
        body = {} if name is None else {"name": name}
        return self._transport.request("POST", self._path, body=json.dumps(body).encode(), idempotent=True).json()

    def list(self) -> "list[dict[str, Any]]":
        """What `create` returned for each, in the order in which they were made."""
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
