"""`Client`: an executor, as Python sees it."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import uuid4

import httpx
import numpy.typing as npt

from asg_builder.arrays import Array
from asg_builder.client.local import LocalServer
from asg_builder.client.payload import as_names, convert_tensors, decode, encode
from asg_builder.client.session import Session
from asg_builder.client.transport import SAFETENSORS, Answer, Transport
from asg_builder.optim import Optimizer
from asg_schema.document import Document

__all__ = ["Client"]


class Client:
    """A connection to an executor. Close it with `close()`, or use it in `with`.

    Requests that are safe to repeat are repeated, with growing waits, where no answer comes or the server asks for it.

    Args:
        url: the executor's address, such as `http://127.0.0.1:8765`.
        api_key: the key that it knows the caller by, if it asks for one.
        timeout: how many seconds an answer may take.
        retries: how often a request is repeated at most.
        transport: httpx's transport, for tests and proxies; absent: the network.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(url, api_key=api_key, timeout=timeout, retries=retries, http=transport)
        self._server: LocalServer | None = None

    @classmethod
    def local(cls, *, timeout: float = 300.0, retries: int = 4) -> Self:
        """A client with an executor of its own: `asg serve` on a free port, which ends with the client.

        Args:
            timeout: how many seconds an answer may take.
            retries: how often a request is repeated at most.

        Raises:
            LocalServerFailed: the server did not come up.
        """
        server = LocalServer()
        client = cls(server.url, timeout=timeout, retries=retries)
        client._transport.diagnose = server.diagnose
        client._server = server
        return client

    @property
    def url(self) -> str:
        """The executor's address."""
        return self._transport.url

    @property
    def server_pid(self) -> int | None:
        """The process id of the client's own executor, if it has one."""
        return None if self._server is None else self._server.pid

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, and end the server if it is the client's own."""
        self._transport.close()
        if self._server is not None:
            self._server.stop()

    def info(self) -> dict[str, Any]:
        """What the executor understands: the format's version, ops, dtypes, engines, optimizers and limits."""
        return self._get("/v1").json()

    def add_graph(self, document: Document) -> str:
        """Send a document.

        Returns:
            Its digest, under which the executor keeps it. The same document again is no second one.

        Raises:
            ValidationProblem: the executor finds it wrong.
            ClientError: see `asg_builder.client.errors`.
        """
        body = document.to_json().encode()
        return self._transport.request("POST", "/v1/graphs", body=body, idempotent=True).field("digest")

    def graph(self, digest: str) -> Document:
        """The document of this digest.

        Raises:
            NotFound: the executor has none.
        """
        return Document.from_dict(self._get(f"/v1/graphs/{quote(digest, safe='')}").field("document"))

    def run(
        self,
        document: Document,
        inputs: Mapping[str, npt.ArrayLike],
        parameters: Mapping[str, npt.ArrayLike] | None = None,
        *,
        outputs: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run a document once, without a session.

        Args:
            document: the document.
            inputs: its inputs by name.
            parameters: the values of its parameters by name.
            outputs: which outputs to compute; absent: all but gradients and state updates that the inputs suffice for.

        Returns:
            Outputs by name.

        Raises:
            AsgError: an input or parameter is unknown, or not converted to its dtype.
            ClientError: see `asg_builder.client.errors`.
        """
        owner = f'the document "{document.name}"'
        tensors = {
            **convert_tensors(inputs, {item.id: item.dtype for item in document.inputs}, "input", owner),
            **convert_tensors(
                parameters or {}, {item.id: item.dtype for item in document.parameters}, "parameter", owner
            ),
        }
        digest = self.add_graph(document)
        answer = self._transport.request(
            "POST",
            f"/v1/graphs/{digest}/run",
            body=encode(tensors, outputs=as_names(outputs)),
            content_type=SAFETENSORS,
            accept=SAFETENSORS,
            idempotent=True,
        )
        return decode(answer.body).tensors

    def create_session(
        self,
        graphs: Mapping[str, Document],
        optimizer: Optimizer | Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        parameters: Mapping[str, npt.ArrayLike] | None = None,
        engine: str | None = None,
        durability: Literal["every_step", "checkpoint_only"] | Mapping[str, int] | None = None,
        non_finite: Literal["apply", "skip", "fail"] | None = None,
        idempotency_key: str | None = None,
    ) -> Session:
        """Create a session: graphs that share one set of parameters, and an optimizer that trains them.

        A request whose answer is lost is sent again under its key, so that it makes one session.

        Args:
            graphs: documents by the name that the session gives them; `step` runs `train`.
            optimizer: one of `asg_builder.optim`, or its JSON form; needed where `train` has gradients.
            seed: it determines the parameters' first values and the random keys.
            parameters: first values of parameters by name; the others are initialised as their documents say.
            engine: which engine computes; absent: the executor's choice.
            durability: what is on disk when a step is acknowledged: the step ("every_step", the executor's default),
                every N-th state (`{"snapshot_every": N}`), or checkpoints alone ("checkpoint_only").
            non_finite: what becomes of a step that would leave NaN or an infinity in the state: "apply" takes it (the
                executor's default), "skip" takes it without its changes, "fail" raises.
            idempotency_key: a name for this wish, 1 to 255 visible ASCII characters: with it, a program that is started
                again gets the session that it created before. Absent: a new one.

        Raises:
            AsgError: a parameter is unknown, or not converted to its dtype.
            ValidationProblem: the graphs, the optimizer or a value do not fit each other.
            ClientError: see `asg_builder.client.errors`.
        """
        declared = {item.id: item.dtype for document in graphs.values() for item in document.parameters}
        values = convert_tensors(parameters or {}, declared, "parameter", "create_session")
        chosen = optimizer if optimizer is None or isinstance(optimizer, Mapping) else optimizer.to_json()
        texts = {"engine": engine, "non_finite": non_finite}
        body = encode(
            values,
            texts={name: text for name, text in texts.items() if text is not None},
            graphs={name: self.add_graph(document) for name, document in graphs.items()},
            optimizer=None if chosen is None else dict(chosen),
            seed=seed,
            durability=durability,
        )
        answer = self._transport.request(
            "POST",
            "/v1/sessions",
            body=body,
            content_type=SAFETENSORS,
            headers={"Idempotency-Key": idempotency_key or uuid4().hex},
            idempotent=True,
        )
        return Session(self._transport, answer)

    def session(self, id: str) -> Session:
        """A session that exists.

        Raises:
            NotFound: the executor has none of this id.
        """
        return Session(self._transport, self._get(f"/v1/sessions/{quote(id, safe='')}"))

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, briefly: id, step, graphs, optimizer, seed and engine of each."""
        return self._get("/v1/sessions").field("sessions")

    def _get(self, path: str) -> Answer:
        return self._transport.request("GET", path, idempotent=True)
