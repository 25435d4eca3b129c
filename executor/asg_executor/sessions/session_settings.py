"""`SessionSettings`: what a session is created with, apart from first values, and its JSON form on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from asg_executor.plan.arrays import Array
from asg_executor.sessions.durability import Durability, SnapshotEvery, parse_durability
from asg_executor.sessions.session import Session
from asg_schema.document import Document

__all__ = ["SessionSettings"]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session is created with.

    Attributes:
        graphs: its documents, by the name that the session gives them.
        graph_digests: the digest of each.
        optimizer: the JSON form of its optimizer; None for none.
        seed: its seed.
        engine: the name of its engine.
        durability: what is on disk when a step is acknowledged.
    """

    graphs: Mapping[str, Document]
    graph_digests: Mapping[str, str]
    optimizer: Mapping[str, Any] | None
    seed: int
    engine: str
    durability: Durability

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
        )

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
        }

    @classmethod
    def from_json(cls, source: Mapping[str, Any]) -> Self:
        """The settings that `to_json` wrote."""
        return cls(
            graphs={name: Document.from_json(text) for name, text in source["graphs"].items()},
            graph_digests=source["graph_digests"],
            optimizer=source["optimizer"],
            seed=source["seed"],
            engine=source["engine"],
            durability=parse_durability(source["durability"]),
        )
