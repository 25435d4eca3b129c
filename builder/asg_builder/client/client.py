"""`Client`: an executor, as Python sees it."""

from collections.abc import Mapping, Sequence
from copy import copy
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from asg_builder.arrays import Array
from asg_builder.client.exchanges.graphs import add_graph, get_graph, run_graph
from asg_builder.client.exchanges.jobs import (
    Dataset,
    JobExchanges,
    add_dataset,
    delete_dataset,
    list_datasets,
    list_jobs,
)
from asg_builder.client.exchanges.service import get_access, get_info
from asg_builder.client.exchanges.sessions import (
    Durability,
    NonFinite,
    Precision,
    create_session,
    find_session,
    import_session,
    list_sessions,
)
from asg_builder.client.jobs import Job
from asg_builder.client.local import LocalServer
from asg_builder.client.options import key_or_default
from asg_builder.client.raw_client import RawClient
from asg_builder.client.session import Session
from asg_builder.client.transfers import Progress
from asg_builder.client.transport import HttpTransport, Transport
from asg_builder.optim import Optimizer
from asg_schema.document import Document

__all__ = ["Client"]


class Client:
    """A connection to an executor. Close it with `close()`, or use it in `with`.

    Requests that are safe to repeat are repeated, with growing waits, where no answer comes or the server asks for it.

    Args:
        url: the executor's address, such as `http://127.0.0.1:8765`.
        api_key: the key that it knows the caller by, if it asks for one; absent: that of the environment variable
            `ASG_API_KEY`, if it is set; "" sends none.
        timeout: how many seconds may pass without anything from the server.
        retries: how often a request is repeated at most.
        total_timeout: the seconds, waits included, after which no repetition begins.
        retry_budget: how many repetitions all requests have together, so that those to a server that is gone do not
            become many more. One that succeeds gives back its own, or, where it needed none, a tenth of one. Infinity
            for no bound.
        headers: further headers of every request.
        transport: httpx's transport, for tests and proxies; absent: the network.

    Raises:
        ValueError: `url` is no address of HTTP.
        AsgError: a timeout is not above 0, `retries` or `retry_budget` is negative, or the key has characters that no
            key has.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retries: int = 4,
        total_timeout: float = 600.0,
        retry_budget: float = 100.0,
        headers: Mapping[str, str] | None = None,
        transport: HttpTransport | None = None,
    ) -> None:
        self._transport = Transport(
            url,
            api_key=key_or_default(api_key),
            timeout=timeout,
            retries=retries,
            total_timeout=total_timeout,
            retry_budget=retry_budget,
            headers=headers,
            http=transport,
        )
        self._server: LocalServer | None = None

    @classmethod
    def local(cls, *, timeout: float = 300.0, retries: int = 4, total_timeout: float = 600.0) -> Self:
        """A client with an executor of its own: `asg serve` on a free port, which ends with the client.

        Args:
            timeout: how many seconds may pass without anything from the server.
            retries: how often a request is repeated at most.
            total_timeout: the seconds, waits included, after which no repetition begins.

        Raises:
            LocalServerFailed: the server did not come up.
        """
        server = LocalServer()
        client = cls(server.url, api_key="", timeout=timeout, retries=retries, total_timeout=total_timeout)
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

    def with_options(
        self, *, timeout: float | None = None, retries: int | None = None, total_timeout: float | None = None
    ) -> Self:
        """A client on the same connection whose requests are sent with other options; what is absent stays as it is.

        Closing one of the two closes both.

        Args:
            timeout: how many seconds may pass without anything from the server.
            retries: how often a request is repeated at most.
            total_timeout: the seconds, waits included, after which no repetition begins.

        Raises:
            AsgError: a timeout is not above 0, or `retries` is negative.
        """
        other = copy(self)
        options = self._transport.with_options(timeout=timeout, retries=retries, total_timeout=total_timeout)
        other._transport = options  # noqa: SLF001 - a copy of itself
        return other

    @property
    def with_raw_response(self) -> RawClient:
        """The same methods, which return the response with its status, headers and body beside what they come to."""
        return RawClient(self)

    def info(self) -> dict[str, Any]:
        """What the executor understands: the format's version, ops, dtypes, engines, optimizers and limits."""
        return self._transport.perform(get_info())

    def access(self) -> dict[str, Any]:
        """What the key stands for: its id, its tenant and scopes, and how much of the tenant's quotas is used.

        Raises:
            AccessDenied: the key is not good, or one is needed.
        """
        return self._transport.perform(get_access())

    def add_graph(self, document: Document) -> str:
        """Send a document.

        Returns:
            Its digest, under which the executor keeps it. The same document again is no second one.

        Raises:
            ValidationProblem: the executor finds it wrong.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(add_graph(document))

    def graph(self, digest: str) -> Document:
        """The document of this digest.

        Raises:
            NotFound: the executor has none.
            UnexpectedAnswer: it is of a newer version of the format.
        """
        return self._transport.perform(get_graph(digest))

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
        return self._transport.perform(run_graph(document, inputs, parameters, outputs))

    def create_session(
        self,
        graphs: Mapping[str, Document],
        optimizer: Optimizer | Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        parameters: Mapping[str, npt.ArrayLike] | None = None,
        engine: str | None = None,
        durability: Durability | None = None,
        non_finite: NonFinite | None = None,
        precision: Precision | None = None,
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
            precision: "as_written" (the executor's default); "mixed": products of float32 are computed in bfloat16, the
                weights stay float32; or `{"kind": "mixed", "dtype": "float16"}`, with `loss_scaling` where its settings
                matter: for float16 take `grad(…, loss_scale=True)`.
            idempotency_key: a name for this wish, 1 to 255 visible ASCII characters: with it, a program that is started
                again gets the session that it created before. Absent: a new one.

        Raises:
            AsgError: a parameter is unknown, or not converted to its dtype.
            ValidationProblem: the graphs, the optimizer or a value do not fit each other.
            ClientError: see `asg_builder.client.errors`.
        """
        creating = create_session(
            graphs,
            optimizer,
            seed=seed,
            parameters=parameters,
            engine=engine,
            durability=durability,
            non_finite=non_finite,
            precision=precision,
            idempotency_key=idempotency_key,
        )
        return Session(self._transport, self._transport.perform(creating))

    def import_session(
        self,
        url: str,
        *,
        engine: str | None = None,
        durability: Durability | None = None,
        idempotency_key: str | None = None,
    ) -> Session:
        """Create a session that is what a checkpoint was, which `session.checkpoints.export` wrote to a URL.

        It has the documents, the optimizer, the seed and the step of the other one, and goes on as that would have.

        Args:
            url: where the checkpoint is; the executor reads it.
            engine: which engine computes; absent: that of the other session.
            durability: as for `create_session`; absent: that of the other session.
            idempotency_key: as for `create_session`.

        Raises:
            AccessDenied: the executor imports nothing from this URL.
            NotFound: there is no exported checkpoint.
            ValidationProblem: it is damaged, or none.
            ClientError: see `asg_builder.client.errors`.
        """
        creating = import_session(url, engine=engine, durability=durability, idempotency_key=idempotency_key)
        return Session(self._transport, self._transport.perform(creating))

    def session(self, id: str) -> Session:
        """A session that exists.

        Raises:
            NotFound: the executor has none of this id.
        """
        return Session(self._transport, self._transport.perform(find_session(id)))

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, briefly: id, step, graphs, optimizer, seed and engine of each."""
        return self._transport.perform(list_sessions())

    def add_dataset(self, tensors: Mapping[str, npt.ArrayLike], *, progress: Progress = False) -> Dataset:
        """Have a data set kept, for any number of jobs. One that is there already is not sent again.

        Args:
            tensors: arrays by name, with a row for each example, of the dtypes that the graphs declare.
            progress: told of what is sent; True for a bar.

        Raises:
            ValidationProblem: the arrays have different lengths, or no rows.
            ClientError: see `asg_builder.client.errors`.
        """
        return self._transport.perform(add_dataset(tensors, {}, progress))

    def datasets(self) -> list[Dataset]:
        """All data sets, in the order in which they were sent."""
        return self._transport.perform(list_datasets())

    def delete_dataset(self, digest: str) -> None:
        """Let the executor forget a data set; one that is gone already is as good.

        Raises:
            Conflict: a job that is not at its end reads it.
        """
        self._transport.perform(delete_dataset(digest))

    def job(self, id: str) -> Job:
        """A job that exists.

        Raises:
            NotFound: the executor has none of this id.
        """
        return Job(self._transport, self._transport.perform(JobExchanges.find(id)))

    def jobs(self) -> list[dict[str, Any]]:
        """What is known of each job, in the order in which they were created."""
        return self._transport.perform(list_jobs())
