"""`SessionSettings`: what a session is created with, apart from first values, and its JSON form on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.plan.arrays import Array
from asg_executor.sessions.arenas import required_bytes
from asg_executor.sessions.assignment import assign_parameters
from asg_executor.sessions.durability import Durability, SnapshotEvery, parse_durability
from asg_executor.sessions.graph_set import GraphSet
from asg_executor.sessions.loss_scale import loss_scaler
from asg_executor.sessions.master_weights import computed_graphs
from asg_executor.sessions.precision import Precision, parse_precision, precision_to_json
from asg_executor.sessions.session import Session
from asg_executor.sessions.training_steps import NonFinitePolicy
from asg_schema.document import Document

__all__ = ["CreationKey", "SessionSettings", "written_engine"]


class CreationKey(NamedTuple):
    """By what a client names its wish for a session, so that it can send it again.

    Attributes:
        key: the name.
        request: the SHA-256 of the request that was sent with it.
    """

    key: str
    request: str


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session is created with.

    Attributes:
        graphs: its documents, by the name that the session gives them.
        graph_digests: the digest of each.
        optimizer: the JSON form of its optimizer; None for none.
        seed: its seed.
        engine: the name of its engine, as it is found: not `auto`.
        durability: what is on disk when a step is acknowledged.
        non_finite: what becomes of a step that leaves NaN or an infinity in the state.
        creation: the key that it was asked for with, if there was one.
        precision: in which dtype it computes what its documents have in float32.
    """

    graphs: Mapping[str, Document]
    graph_digests: Mapping[str, str]
    optimizer: Mapping[str, Any] | None
    seed: int
    engine: str
    durability: Durability
    non_finite: NonFinitePolicy
    creation: CreationKey | None = None
    precision: Precision = "as_written"

    def session(self, parameters: Mapping[str, Array], memory_limit: int | None) -> Session:
        """A new session with these settings.

        Args:
            parameters: first values, by name.
            memory_limit: as for `Session`.

        Raises:
            ExecutorError: as `Session` does.
        """
        return Session(
            self.graphs,
            self.optimizer,
            seed=self.seed,
            engine=self.engine,
            parameters=parameters,
            memory_limit=memory_limit,
            non_finite=self.non_finite,
            precision=self.precision,
        )

    def required_bytes(self) -> int:
        """The memory that `Session.required_bytes` of such a session will be, in bytes, before any of it is taken.

        Raises:
            ExecutorError: as `Session` does.
        """
        graphs = GraphSet.of(self.graphs)
        loss_scaler(graphs, self.precision)
        graphs = computed_graphs(graphs, self.precision)
        optimizer = None if self.optimizer is None else parse_optimizer(self.optimizer)
        average = optimizer is not None and optimizer.average_decay is not None
        return required_bytes(graphs.parameters.values(), assign_parameters(graphs, optimizer), average=average)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON."""
        durability = self.durability
        return {
            "graphs": {name: document.to_json() for name, document in self.graphs.items()},
            "graph_digests": dict(self.graph_digests),
            "optimizer": self.optimizer,
            "seed": self.seed,
            "engine": self.engine,
            "durability": durability.model_dump() if isinstance(durability, SnapshotEvery) else durability,
            "non_finite": self.non_finite,
            "precision": precision_to_json(self.precision),
            "creation": self.creation,
        }

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> Self:
        """The settings that `to_json` wrote."""
        return cls(
            graphs={name: Document.from_json(text) for name, text in source["graphs"].items()},
            graph_digests=source["graph_digests"],
            optimizer=source["optimizer"],
            seed=source["seed"],
            engine=written_engine(source["engine"]),
            durability=parse_durability(source["durability"]),
            non_finite=source["non_finite"],
            creation=None if source["creation"] is None else CreationKey(*source["creation"]),
            precision=parse_precision(source.get("precision", "as_written")),  # older sessions have none
        )


def written_engine(name: str) -> str:
    """The engine of a session, by the name that was written for it.

    When `auto` was still written there was one engine; another one gives other bits.
    """
    return "numpy" if name == "auto" else name
