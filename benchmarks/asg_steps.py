"""The workloads in ASG: a session in this process, or one behind HTTP."""

import atexit
from typing import Any, Literal

from asg_builder.client import Client
from asg_executor import Session
from asg_schema.document import Document
from benchmarks.documents import PREDICT, TRAIN, document
from benchmarks.messages import Profiled
from benchmarks.profiling import product_operations, profiled
from benchmarks.workloads import Batch, Workload

__all__ = ["LocalSteps", "RemoteSteps", "first_weights"]


def first_weights(workload: Workload) -> Batch:
    """The values that every candidate begins with: those that a session gives to the parameters."""
    return Session(_graphs(workload), workload.optimizer, 0).parameters()


def _graphs(workload: Workload) -> dict[str, Document]:
    return {TRAIN if workload.optimizer else PREDICT: document(workload)}


class LocalSteps:
    """See `benchmarks.steps.Steps`.

    Args:
        workload: what is computed.
        weights: the values that the parameters have at the start.
        engine: the engine's name.
        precision: the session's.

    Attributes:
        session: what takes the steps.
    """

    def __init__(
        self,
        workload: Workload,
        weights: Batch,
        engine: str = "auto",
        precision: Literal["as_written", "mixed"] = "as_written",
    ) -> None:
        graphs = _graphs(workload)
        session = self.session = Session(graphs, workload.optimizer, 0, engine, weights, precision=precision)
        self._first = session.state()
        batch = workload.batch()
        if workload.optimizer:
            self.step = lambda: session.step(batch)["loss"]
        else:
            self.step = lambda: session.run(PREDICT, batch)["y"]

    def restart(self) -> None:
        """Give the parameters their first values, and the optimizer its first state."""
        self.session.restore(0, self._first)

    def profile(self, seconds: float) -> Profiled:
        """See `benchmarks.steps.CanProfile`."""
        found = profiled(self.session, self.step, seconds=seconds)
        return Profiled(
            engine=found.engine,
            product_share=found.product_share,
            product_operations=product_operations(self.session),
        )


class RemoteSteps:
    """Steps over HTTP, by a server of its own on this machine, on whose disk every step is before it is answered.

    Args:
        workload: what is computed.
        weights: the values that the parameters have at the start.
    """

    def __init__(self, workload: Workload, weights: Batch) -> None:
        self._client = Client.local()
        atexit.register(self.close)
        self._graphs = _graphs(workload)
        self._settings: dict[str, Any] = {"optimizer": workload.optimizer, "seed": 0, "parameters": weights}
        session = self._session = self._client.create_session(self._graphs, **self._settings)
        self._batch = workload.batch()
        self.step = self._train if workload.optimizer else lambda: session.run(PREDICT, self._batch)["y"]
        self._trains = workload.optimizer is not None

    def _train(self) -> object:
        return self._session.step(self._batch)["loss"]

    def restart(self) -> None:
        """Begin a new session: a session over HTTP has no other way back to its first state."""
        if self._trains:
            self._session.delete()
            self._session = self._client.create_session(self._graphs, **self._settings)

    def close(self) -> None:
        """End the server."""
        self._client.close()
