"""Documents whose functions have other names."""

from collections.abc import Mapping

from asg_schema.document import Document
from asg_schema.function import LinkedFunction
from asg_schema.linking import as_parts, link_functions, linked_nodes

__all__ = ["apart_from", "with_renamed_functions"]

_LONGEST_STEM = 240  # so that a name with a number behind it has at most 255 characters


def with_renamed_functions(document: Document, names: Mapping[str, str]) -> Document:
    """A document whose functions have new names. Calls follow, and so do functions that call others.

    Args:
        document: a valid document.
        names: new names by old ones; what is not among them keeps its own. No two names may become one.
    """
    if not names:
        return document
    known, _ = link_functions(document.functions)
    renamed: dict[str, LinkedFunction] = {}
    for name, item in known.items():  # those that are called come before those that call them
        vjp = None if item.vjp is None else renamed[item.vjp.name]
        new = names.get(name, name)
        renamed[name] = LinkedFunction(new, item.inputs, linked_nodes(item.nodes, renamed), item.outputs, vjp)
    result = Document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=document.inputs,
        parameters=document.parameters,
        nodes=linked_nodes(document.nodes, renamed),
        outputs=document.outputs,
        functions=as_parts({renamed[name].name: renamed[name] for name in document.functions}),
        metadata=document.metadata,
    )
    object.__setattr__(result, "types", document.types)
    return result


def apart_from(document: Document, other: Document) -> Document:
    """A document in which no function has the name of a different one of another document; a number tells it apart."""
    ours, _ = link_functions(document.functions)
    theirs, _ = link_functions(other.functions)
    used = {*ours, *theirs}
    names: dict[str, str] = {}
    for name, item in ours.items():
        if name in theirs and theirs[name] != item:
            number = 1
            while (candidate := f"{name[:_LONGEST_STEM]}_{number}") in used:
                number += 1
            used.add(candidate)
            names[name] = candidate
    return with_renamed_functions(document, names)
