"""Sessions: created, found, listed."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import numpy.typing as npt

from asg_builder.client.exchanges.asking import ask, encode_json, get, quoted, wish
from asg_builder.client.exchanges.graphs import add_graph, checked_document
from asg_builder.client.exchanges.session import SessionExchanges
from asg_builder.client.payload import convert_tensors, encode
from asg_builder.client.request import SAFETENSORS, Exchange, Request
from asg_builder.optim import Optimizer
from asg_schema.document import Document
from asg_schema.errors import AsgError

__all__ = ["Durability", "NonFinite", "Precision", "create_session", "find_session", "import_session", "list_sessions"]

Durability: TypeAlias = Literal["every_step", "checkpoint_only"] | Mapping[str, int]
"""What is on disk when a step is acknowledged."""
NonFinite: TypeAlias = Literal["apply", "skip", "fail"]
"""What becomes of a step that would leave NaN or an infinity in the state."""

Precision: TypeAlias = Literal["as_written", "mixed"] | Mapping[str, Any]
"""In which dtype a session computes what its documents have in float32."""


def create_session(
    graphs: Mapping[str, Document],
    optimizer: Optimizer | Mapping[str, Any] | None,
    *,
    seed: int,
    parameters: Mapping[str, npt.ArrayLike] | None,
    engine: str | None,
    durability: Durability | None,
    non_finite: NonFinite | None,
    precision: Precision | None,
    idempotency_key: str | None,
) -> Exchange[SessionExchanges]:
    """Create a session; the arguments are those of `Client.create_session`."""
    headers = wish(idempotency_key)
    _check(graphs, optimizer)
    declared = {item.id: item.dtype for document in graphs.values() for item in document.parameters}
    values = convert_tensors(parameters or {}, declared, "parameter", "create_session")
    chosen = optimizer if optimizer is None or isinstance(optimizer, Mapping) else optimizer.to_json()
    texts = {"engine": engine, "non_finite": non_finite}
    digests: dict[str, str] = {}
    for name, document in graphs.items():
        digests[name] = yield from add_graph(document)
    body = encode(
        values,
        texts={name: text for name, text in texts.items() if text is not None},
        graphs=digests,
        optimizer=None if chosen is None else dict(chosen),
        seed=seed,
        durability=durability,
        precision=precision,
    )
    answer = yield from ask(Request("POST", "/v1/sessions", body, SAFETENSORS, headers=headers))
    return SessionExchanges(answer.json())


def _check(graphs: object, optimizer: object) -> None:
    """Refuse what is no graphs and no optimizer, such as a caller without a type checker may give."""
    if not isinstance(graphs, Mapping):
        raise AsgError(f"graphs is a {type(graphs).__name__}; a mapping of names to documents is needed")
    for name, document in cast("Mapping[str, Document]", graphs).items():
        checked_document(document, f'graphs["{name}"]')
    if optimizer is not None and not isinstance(optimizer, Mapping | Optimizer):
        raise AsgError(f"optimizer is a {type(optimizer).__name__}; one of asg_builder.optim is needed")


def import_session(
    url: str, *, engine: str | None, durability: Durability | None, idempotency_key: str | None
) -> Exchange[SessionExchanges]:
    """Create a session from an exported checkpoint; the arguments are those of `Client.import_session`."""
    fields = {"url": url, "engine": engine, "durability": durability}
    body = encode_json({name: value for name, value in fields.items() if value is not None})
    answer = yield from ask(Request("POST", "/v1/sessions/import", body, headers=wish(idempotency_key)))
    return SessionExchanges(answer.json())


def find_session(id: str) -> Exchange[SessionExchanges]:
    """The session of an id."""
    return SessionExchanges((yield from get(f"/v1/sessions/{quoted(id)}")).json())


def list_sessions() -> Exchange[list[dict[str, Any]]]:
    """All sessions, briefly."""
    return (yield from get("/v1/sessions")).field("sessions")
