"""`jvp` and `hessian_vector_product`: derivatives along a direction."""

from collections.abc import Sequence
from typing import Literal

from asg_autograd.errors import TransformError
from asg_autograd.extending import extended_document, extending_editor
from asg_autograd.forward import forward
from asg_autograd.gradient import append_gradients
from asg_autograd.naming import free_prefixes, free_scope, scopes_of_nodes
from asg_autograd.selection import Disconnected, completed, differentiable_names, floating_outputs, listed
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Value
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.roles import TangentRole

__all__ = ["hessian_vector_product", "jvp"]


@garbage_collection_paused()
def jvp(
    document: Document,
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    outputs: str | Sequence[str] | None = None,
    disconnected: Disconnected = "zero",
) -> Document:
    """The document that also computes a Jacobian-vector product: how outputs move when inputs or parameters do.

    For each name in `wrt` there is one more input `tangent.<name>` of its type, the direction in which it moves, and
    for each of `outputs` one more output `tangent.<output>` of its type: the sum over `wrt` of ∂output/∂name · tangent.
    Both have a `TangentRole`, and are numbered (`tangent2.`) where the name is taken. The nodes of `document` come
    first and unchanged, and its inputs, parameters and outputs are kept.

    Args:
        document: a valid document.
        wrt: names of floating-point inputs and parameters, or "trainable" for all trainable parameters.
        outputs: names of floating-point outputs, of any shape; None: all that are floating-point.
        disconnected: what becomes of an output that depends on no value in `wrt`.

    Raises:
        TransformError: there is no such output, input or parameter, or it is not floating-point.
        NotDifferentiableError: an op without a derivative stands between a value and an output.
        DisconnectedError: `disconnected` is "error", and an output depends on no value in `wrt`.
    """
    names, chosen = differentiable_names(document, wrt), _chosen_outputs(document, outputs)
    editor = extending_editor(document, "tangent")
    references = {item.name: item.value for item in chosen}
    moved = _append_tangents(document, editor, names, list(references.values()))
    said = ", ".join(f'"{name}"' for name in names)
    found = completed(
        editor,
        moved,
        references,
        disconnected,
        lambda _, value: f"output {value} does not depend differentiably on any of {said}",
    )
    prefixes = free_prefixes("tangent", found, {item.name for item in document.outputs})
    for name, tangent in found.items():
        editor.add_output(_tangent_output(prefixes[name] + name, tangent, TangentRole(of=name)))
    return extended_document(document, editor)


@garbage_collection_paused()
def hessian_vector_product(
    document: Document,
    of: str = "loss",
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    disconnected: Disconnected = "zero",
) -> Document:
    """The document that also computes the Hessian of an output times a vector, by forward over reverse mode.

    For each name in `wrt` there is one more input `tangent.<name>` of its type, with a `TangentRole`: the part of the
    vector that belongs to it. For each there is one more output `hvp.<name>` of that type: the sum over all `other` in
    `wrt` of ∂²of/∂name∂other · tangent.other. Both are numbered (`tangent2.`, `hvp2.`) where the name is taken. These
    outputs have no role: they are the tangents of gradients, which are not outputs here. Where the gradients are wanted
    too, give the document that `grad` makes; they are not computed twice.

    Args:
        document: a valid document.
        of: the name of the output: floating-point, rank 0.
        wrt: names of floating-point inputs and parameters, or "trainable" for all trainable parameters.
        disconnected: what becomes of a name for which the product is 0 because `of` does not depend on it, or its
            gradient on no value in `wrt`.

    Raises:
        TransformError: there is no such output, input or parameter, or it is not floating-point, or the output is not
            a scalar.
        NotDifferentiableError: an op without a derivative stands between a value and the output, or its gradient.
        DisconnectedError: `disconnected` is "error", and a product is 0 as above.
    """
    names = differentiable_names(document, wrt)
    editor = extending_editor(document, "grad")
    gradients = append_gradients(document, editor, of, names, disconnected)
    editor.scope = editor.constant_scope = free_scope("tangent", document.types)
    references = {name: gradient.id for name, gradient in gradients.items()}
    moved = _append_tangents(document, editor, names, list(references.values()))
    said = ", ".join(f'"{name}"' for name in names)
    found = completed(
        editor,
        moved,
        references,
        disconnected,
        lambda _, value: f'the gradient of "{of}" by {value} does not depend differentiably on any of {said}',
    )
    prefixes = free_prefixes("hvp", found, {item.name for item in document.outputs})
    for name, product in found.items():
        editor.add_output(_tangent_output(prefixes[name] + name, product, None))
    return extended_document(document, editor)


def _chosen_outputs(document: Document, outputs: str | Sequence[str] | None) -> list[Output]:
    if outputs is not None:
        return floating_outputs(document, listed(outputs, "outputs"))
    chosen = [item for item in document.outputs if document.types[item.value].dtype.is_floating]
    if not chosen:
        raise TransformError("the document has no floating-point output; none can be differentiated")
    return chosen


def _append_tangents(
    document: Document, editor: SimplifyingEditor, names: Sequence[str], wanted: Sequence[str]
) -> dict[str, Value]:
    """Add an input for the tangent of each name, and append the tangents of the wanted values that are not zero."""
    prefixes, scope, nodes = free_prefixes("tangent", names, document.types), editor.scope, tuple(editor.nodes)
    seeds = {name: editor.add_input(_tangent_input(prefixes[name] + name, name, document)) for name in names}
    found = forward(nodes, editor.value, seeds, wanted, scopes_of_nodes(editor, "tangent"))
    editor.scope = scope
    return found


def _tangent_input(id: str, name: str, document: Document) -> Input:
    kind = document.types[name]
    try:
        return Input(id=id, dtype=kind.dtype, shape=kind.shape, role=TangentRole(of=name))
    except ValueError:
        raise TransformError(
            f'the tangent of "{name}" would be the input "{id}", an id of {len(id)} characters; at most 255 are allowed'
        ) from None


def _tangent_output(name: str, value: Value, role: TangentRole | None) -> Output:
    try:
        return Output(name=name, value=value.id, role=role)
    except ValueError:
        raise TransformError(f'the name "{name}" would have {len(name)} characters; at most 255 are allowed') from None
