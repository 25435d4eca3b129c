"""How graphs and sessions are described in responses."""

from typing import Any

from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.precision import precision_to_json
from asg_executor.sessions.unusable_session import UnusableSession
from asg_schema.attributes import encode_shape
from asg_schema.document import Document
from asg_schema.writing import input_to_json, output_to_json, parameter_to_json

__all__ = ["describe_damaged", "describe_graph", "describe_session", "summarize_session"]


def describe_graph(document: Document) -> dict[str, Any]:
    """A graph's digest and its interface; each output with its dtype and shape."""
    outputs: list[dict[str, Any]] = []
    for item in document.outputs:
        description = output_to_json(item)
        dtype, shape = document.types[item.value]
        outputs.append({**description, **_type_json(dtype.value, shape)})
    return {
        "digest": document.digest,
        "inputs": [input_to_json(item) for item in document.inputs],
        "parameters": [parameter_to_json(item) for item in document.parameters],
        "outputs": outputs,
    }


def summarize_session(held: HeldSession) -> dict[str, Any]:
    """What can be said about a session without waiting for it."""
    session = held.session
    optimizer = session.optimizer
    return {
        "id": held.id,
        "tenant": held.tenant,
        "step": session.number,
        "graphs": dict(held.settings.graph_digests),
        "optimizer": None if optimizer is None else optimizer.to_json(),
        "seed": session.seed,
        "engine": session.engine,
        "durability": held.settings.to_json()["durability"],
        "non_finite": held.settings.non_finite,
        "precision": precision_to_json(session.precision),
        **({} if session.loss_scale is None else {"loss_scale": session.loss_scale}),
    }


def describe_damaged(session: UnusableSession) -> dict[str, Any]:
    """A session that cannot be used, and why."""
    return {"id": session.id, "damaged": session.reason}


def describe_session(held: HeldSession) -> dict[str, Any]:
    """A session, with its parameters' types and the digest of its state. Call it while nothing changes the session."""
    session = held.session
    parameters = [
        {
            "id": name,
            **_type_json(parameter.dtype.value, parameter.shape),
            "trainable": parameter.trainable,
            "trained": name in session.trained,
        }
        for name, parameter in session.declarations.items()
    ]
    return {**summarize_session(held), "parameters": parameters, "digest": held.digest()}


def _type_json(dtype: str, shape: tuple[Any, ...]) -> dict[str, Any]:
    return {"dtype": dtype, "shape": encode_shape(shape)}
