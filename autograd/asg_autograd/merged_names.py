"""The names in a document that two are merged into."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from asg_autograd.errors import TransformError
from asg_autograd.references import names_made_of_others
from asg_schema.attributes import is_identifier, is_name
from asg_schema.document import Document
from asg_schema.roles import CotangentRole, GradientRole, TangentRole
from asg_schema.wire import show_value

__all__ = ["MergedNames", "merged_names"]

_LONGEST_STEM = 240  # so that an id with a number behind it has at most 255 characters
_MOST_LISTED = 6


class MergedNames(NamedTuple):
    """Names that differ from those before.

    Attributes:
        first_ids: new ids of nodes of the first document, which make way for an input or parameter of the second.
        second_ids: new ids of inputs, parameters and nodes of the second.
        second_outputs: new names of outputs of the second.
    """

    first_ids: dict[str, str]
    second_ids: dict[str, str]
    second_outputs: dict[str, str]


def merged_names(first: Document, second: Document, one: Collection[str], prefix: str | None) -> MergedNames:
    """The names that make those of two documents differ.

    Args:
        first: a valid document.
        second: a valid document.
        one: ids of inputs and parameters of the second that are a value of the first.
        prefix: what is put before those names of the second that the first has, too; None: names of inputs, parameters
            and outputs have to differ, and nodes are numbered.

    Raises:
        TransformError: a name of an input, a parameter or an output is that of another, or no name.
    """
    ours, theirs = _sources(first), _sources(second)
    own = {id: kind for id, kind in theirs.items() if id not in one}
    nodes = {node.id for node in first.nodes}
    outputs = {item.name for item in first.outputs}
    taken_ids = [id for id in own if id in ours or (prefix is not None and id in nodes)]
    taken_outputs = [item.name for item in second.outputs if item.name in outputs]
    if prefix is None and (taken_ids or taken_outputs):
        raise TransformError(_both_have(taken_ids, theirs, taken_outputs))
    ids, names = _second_names(second, taken_ids, taken_outputs, prefix or "")
    ids = {id: new for id, new in ids.items() if id not in one}
    final = [ids.get(id, id) for id in own]
    _refuse_taken(final, ours, "input or parameter")
    _refuse_taken([names.get(item.name, item.name) for item in second.outputs], outputs, "output")
    used = {*ours, *nodes, *final, *(node.id for node in second.nodes)}
    making_way = {id: _numbered(id, used) for id in sorted(nodes.intersection(final))}
    standing = {*ours, *nodes.difference(making_way), *making_way.values(), *final}
    for node in second.nodes:
        if node.id in standing:
            wanted = f"{prefix or ''}{node.id}"
            ids[node.id] = wanted if wanted not in used and is_identifier(wanted) else _numbered(node.id, used)
            used.add(ids[node.id])
    return MergedNames(making_way, ids, names)


def _sources(document: Document) -> dict[str, str]:
    """What is an input or a parameter, by id."""
    inputs = {item.id: "input" for item in document.inputs}
    return {**inputs, **{item.id: "parameter" for item in document.parameters}}


def _second_names(
    document: Document, ids: Iterable[str], outputs: Iterable[str], prefix: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The names with the prefix; where the name of a derivative is made of such a name, it has the prefix within it."""
    roles = (GradientRole, CotangentRole, TangentRole)
    derived_ids = {item.id for item in document.inputs if isinstance(item.role, roles)}
    derived_outputs = {item.name for item in document.outputs if isinstance(item.role, roles)}
    new_ids, new_outputs = names_made_of_others(
        document,
        {id: prefix + id for id in ids if id not in derived_ids},
        {name: prefix + name for name in outputs if name not in derived_outputs},
    )
    return {id: prefix + id for id in ids} | new_ids, {name: prefix + name for name in outputs} | new_outputs


def _both_have(ids: Sequence[str], kinds: Mapping[str, str], outputs: Sequence[str]) -> str:
    listed = [*(f'{kinds[id]} "{id}"' for id in ids), *(f'output "{name}"' for name in outputs)]
    more = f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else ""
    return (
        f"the first document has already what the second calls {', '.join(listed[:_MOST_LISTED])}{more}; put a prefix "
        "before such names of the second, share what is one in both, connect inputs, or rename"
    )


def _refuse_taken(names: Sequence[str], others: Collection[str], what: str) -> None:
    for name, count in Counter(names).items():
        if count > 1 or name in others:
            raise TransformError(f'with the prefix two would be the {what} "{name}"; choose another')
        if not (is_name(name) if what == "output" else is_identifier(name)):
            rule = "1 to 255 characters" if what == "output" else "a letter or _ and then letters, digits, _ . / or -"
            raise TransformError(f"with the prefix the {what} would be called {show_value(name)}; a name is {rule}")


def _numbered(id: str, used: set[str]) -> str:
    """The id with the first number behind it that makes it free; it is free no more then."""
    number = 1
    while (candidate := f"{id[:_LONGEST_STEM]}_{number}") in used:
        number += 1
    used.add(candidate)
    return candidate
