"""Which part of a document a run needs: the outputs that are asked for, and the inputs that these depend on."""

from collections.abc import Collection, Sequence

from asg_executor.errors import InterfaceError
from asg_executor.sessions.graph_set import default_outputs
from asg_schema.document import Document
from asg_schema.roles import RngKeyRole
from asg_schema.traversal import dependents, node_of, prune
from asg_schema.wire import nearest

__all__ = ["check_outputs", "rng_key_inputs", "select_outputs", "selected"]


def rng_key_inputs(document: Document) -> list[str]:
    """The ids of the inputs that are random keys, in the document's order."""
    return [item.id for item in document.inputs if isinstance(item.role, RngKeyRole)]


def check_outputs(document: Document, outputs: Sequence[str]) -> list[str]:
    """The outputs that were asked for, each once.

    Raises:
        InterfaceError: the document has no output of one of the names.
    """
    known = [output.name for output in document.outputs]
    for name in outputs:
        if name not in known:
            listed = ", ".join(f'"{item}"' for item in known) or "none"
            raise InterfaceError(f'there is no output "{name}"{nearest(name, known) or f"; the document has {listed}"}')
    return list(dict.fromkeys(outputs))


def select_outputs(document: Document, outputs: Sequence[str] | None, given: Collection[str]) -> list[str]:
    """The outputs that a run computes.

    Args:
        document: the document.
        outputs: the names that were asked for; None for the default: every output that is neither a gradient nor a
            state update and that the given inputs suffice for. So a graph with a prediction and a loss predicts
            without a target.
        given: the ids of the inputs that have a value.

    Raises:
        InterfaceError: there is no such output, or it needs an input that is not given.
    """
    missing = [item.id for item in document.inputs if item.id not in given]
    reached = dependents(document, missing) if missing else set[str]()
    values = {output.name: node_of(output.value) for output in document.outputs}
    if outputs is not None:
        chosen = check_outputs(document, outputs)
        for name in chosen:
            if values[name] in reached:
                raise InterfaceError(f'input "{_needed(document, name, missing)}" is missing; output "{name}" needs it')
        return chosen
    candidates = default_outputs(document)
    chosen = [name for name in candidates if values[name] not in reached]
    if candidates and not chosen:
        needed = _needed(document, candidates[0], missing)
        raise InterfaceError(f'input "{needed}" is missing; output "{candidates[0]}" needs it')
    return chosen


def _needed(document: Document, output: str, missing: Sequence[str]) -> str:
    """The first missing input that an output depends on."""
    value = next(item.value for item in document.outputs if item.name == output)
    return next(name for name in missing if node_of(value) in dependents(document, [name]))


def selected(document: Document, given: Collection[str]) -> Document:
    """The document with only the given inputs in its interface, and only what can be computed from them."""
    if len(given) == len(document.inputs):
        return document
    reached = dependents(document, [item.id for item in document.inputs if item.id not in given])
    part = prune(document, [item.name for item in document.outputs if node_of(item.value) not in reached])
    result = part.model_copy(update={"inputs": tuple(item for item in part.inputs if item.id in given)})
    vars(result).pop("digest", None)  # a copy takes over what is cached
    return result
