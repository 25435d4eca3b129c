"""Names that transforms give: ids that say what a node belongs to, and prefixes that are not taken."""

import re
from collections.abc import Callable, Collection, Iterable

from asg_schema.editing import Editor, Value
from asg_schema.op import Op

__all__ = ["free_prefixes", "free_scope", "scopes_of_nodes"]

_LONGEST_STEM = 160


def free_prefixes(stem: str, names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """For each name the first of `stem.`, `stem2.`, `stem3.`, … with which it is not taken."""
    prefixes: dict[str, str] = {}
    for name in names:
        order = 1
        while (prefix := _prefix(stem, order)) + name in taken:
            order += 1
        prefixes[name] = prefix
    return prefixes


def free_scope(stem: str, references: Iterable[str]) -> str:
    """The first of `stem.`, `stem2.`, `stem3.`, … with which none of `references` begins."""
    begins = _prefixes_of(stem)
    taken = {
        match.group() for reference in references if reference.startswith(stem) and (match := begins.match(reference))
    }
    order = 1
    while (prefix := _prefix(stem, order)) in taken:
        order += 1
    return prefix


def scopes_of_nodes(editor: Editor[Value], stem: str) -> Callable[[Op], None]:
    """Scopes that name what is appended after the node of the document that it belongs to.

    Args:
        editor: what is appended to. Its scope, as it is now, stands before the names of nodes.
        stem: what that scope begins with: `grad` for `grad.` and `grad2.`. It is not repeated before a node that an
            earlier application of the same transform appended.

    Returns:
        A function that sets the editor's scope to that of a node.
    """
    prefix, begins = editor.scope, _prefixes_of(stem)

    def visit(node: Op) -> None:
        own = begins.sub("", node.id, count=1) if node.id.startswith(stem) else node.id
        editor.scope = f"{prefix}{own}." if len(own) <= _LONGEST_STEM else prefix

    return visit


def _prefix(stem: str, order: int) -> str:
    return f"{stem}{order if order > 1 else ''}."


def _prefixes_of(stem: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(stem)}\d*\.")
