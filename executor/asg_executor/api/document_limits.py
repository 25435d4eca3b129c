"""How large a document may be: looked at before anything is made of its JSON."""

from collections.abc import Iterator
from typing import Any, cast

from asg_executor.errors import LimitExceededError

__all__ = ["check_document", "check_optimizer"]

_SECTIONS = ("inputs", "parameters", "nodes", "outputs")


def check_document(source: Any, max_nodes: int) -> None:
    """Refuse a document that has too many parts.

    Args:
        source: the parsed JSON, which may be no document at all.
        max_nodes: how many inputs, parameters, nodes and outputs it may have together, its functions included.

    Raises:
        LimitExceededError: it has more.
    """
    if not isinstance(source, dict):
        return
    fields = cast("dict[str, Any]", source)
    count = _parts(fields)
    functions = fields.get("functions")
    for function in cast("dict[str, Any]", functions).values() if isinstance(functions, dict) else ():
        count += _parts(cast("dict[str, Any]", function)) if isinstance(function, dict) else 0
    if count > max_nodes:
        raise LimitExceededError("max_nodes", "the document has", count, max_nodes, "nodes, inputs and outputs")


def _parts(fields: dict[str, Any]) -> int:
    """How many inputs, parameters, nodes and outputs a graph has."""
    sections = [fields[name] for name in _SECTIONS if isinstance(fields.get(name), list)]
    return sum(len(cast("list[Any]", section)) for section in sections)


def check_optimizer(source: Any, max_nodes: int) -> None:
    """Refuse an optimizer's settings in which an update rule is a document that has too many parts.

    Args:
        source: the parsed JSON, which may be no such settings at all.
        max_nodes: as for `check_document`.

    Raises:
        LimitExceededError: one has more.
    """
    for settings in _rules(source):
        check_document(settings.get("document"), max_nodes)


def _rules(source: Any) -> Iterator[dict[str, Any]]:
    """The settings, and those of the groups, which may have optimizers of their own."""
    if not isinstance(source, dict):
        return
    settings = cast("dict[str, Any]", source)
    yield settings
    groups = settings.get("groups")
    for group in cast("list[Any]", groups) if isinstance(groups, list) else []:
        if isinstance(group, dict):
            own = cast("dict[str, Any]", group)
            yield own
            if isinstance(own.get("optimizer"), dict):
                yield own["optimizer"]
