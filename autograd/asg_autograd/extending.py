"""Documents that hold all that another does, first and unchanged, and more behind it."""

from asg_autograd.naming import free_scope
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document
from asg_schema.op import Op

__all__ = ["extended_document", "extending_editor"]


def extending_editor(document: Document, stem: str) -> SimplifyingEditor:
    """An editor that holds a document, whose scope, `stem.` or `stem2.` and so on, begins none of its ids."""
    editor = SimplifyingEditor()
    editor.load(document)
    editor.scope = editor.constant_scope = free_scope(stem, document.types)
    return editor


def extended_document(document: Document, editor: SimplifyingEditor) -> Document:
    """What an `extending_editor` holds: the document's nodes as they are, and of the others those that are needed."""
    first = len(document.nodes)
    needed = {output.value for output in editor.outputs}
    appended: list[Op] = []
    for node in reversed(editor.nodes[first:]):
        if node.id in needed or not needed.isdisjoint(node.references()):  # the first is quick, and mostly so
            appended.append(node)
            needed.difference_update(node.references())  # no node before it takes them: the set stays small, and quick
            needed.update(node.inputs)
        else:
            for reference in node.references():
                del editor.types[reference]
    editor.nodes[first:] = reversed(appended)
    return editor.document(document.name, dict(document.metadata))
