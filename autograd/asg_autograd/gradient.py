"""`grad` and `vjp`: from a document to the document that also computes derivatives."""

from collections.abc import Mapping, Sequence
from typing import Literal

from asg_autograd.backward import backward
from asg_autograd.dependence import disconnection
from asg_autograd.errors import TransformError, show_path
from asg_autograd.extending import extended_document, extending_editor
from asg_autograd.naming import free_prefixes, scopes_of_nodes
from asg_autograd.selection import (
    Disconnected,
    completed,
    differentiable_names,
    floating_outputs,
    listed,
    scalar_output,
)
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Value
from asg_schema.free_name import free_name
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.roles import CotangentRole, GradientRole, LossScaleRole
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import dependents, node_of

__all__ = ["append_gradients", "grad", "vjp"]


@garbage_collection_paused()
def grad(
    document: Document,
    of: str = "loss",
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    disconnected: Disconnected = "zero",
    *,
    loss_scale: bool = False,
) -> Document:
    """The document that also computes the gradient of an output.

    The nodes of `document` come first and unchanged, and its inputs, parameters and outputs are kept. For each name in
    `wrt` there is one more output `grad.<name>`, with a `GradientRole` and the type of the value of that name. Where
    the document already has an output of that name, as a gradient document does, it is `grad2.<name>`, and so on. The
    result holds only ordinary ops, so it can be differentiated again.

    Args:
        document: a valid document.
        of: the name of the output to differentiate: floating-point, rank 0.
        wrt: names of floating-point inputs and parameters, or "trainable" for all trainable parameters.
        disconnected: what becomes of a value on which `of` does not depend.
        loss_scale: whether the gradients are multiplied by an input `loss_scale`, with a `LossScaleRole` and the dtype
            of `of`: the cotangent that the sweep starts from. Where the document has such an input already, it is that.

    Raises:
        TransformError: there is no such output, input or parameter, or it is not floating-point, or the output is not
            a scalar; or with `loss_scale` it is scaled already, or the scale that there is has another dtype.
        NotDifferentiableError: an op without a derivative stands between a value and the output.
        DisconnectedError: `disconnected` is "error", and the output does not depend on a value.
    """
    editor = extending_editor(document, "grad")
    names = differentiable_names(document, wrt)
    seed = _loss_scale(document, editor, scalar_output(document, of)) if loss_scale else None
    gradients = append_gradients(document, editor, of, names, disconnected, seed)
    prefixes = free_prefixes("grad", gradients, {item.name for item in document.outputs})
    for name, gradient in gradients.items():
        editor.add_output(_gradient_output(prefixes[name] + name, gradient, GradientRole(of=of, wrt=name)))
    return extended_document(document, editor)


def _loss_scale(document: Document, editor: SimplifyingEditor, output: Output) -> Value:
    """The input that scales the gradients of an output: the one that is there, or a new one."""
    type = document.types[output.value]
    for item in document.inputs:
        if isinstance(item.role, LossScaleRole):
            if node_of(output.value) in dependents(document, [item.id]):
                raise TransformError(
                    f'output "{output.name}" is scaled by "{item.id}" already, so that its gradient would be scaled '
                    "twice; scale the gradients of the last order only"
                )
            if item.type != type:
                raise TransformError(
                    f'the loss scale "{item.id}" is {item.type} and the output "{output.name}" {type}; gradients that '
                    "share a scale are of outputs of its type"
                )
            return editor.value(item.id)
    id = free_name("loss_scale", document.types)
    return editor.add_input(Input(id=id, dtype=type.dtype, shape=(), role=LossScaleRole()))


def append_gradients(
    document: Document,
    editor: SimplifyingEditor,
    of: str,
    names: Sequence[str],
    disconnected: Disconnected,
    cotangent: Value | None = None,
) -> dict[str, Value]:
    """Append the gradients of an output.

    Args:
        document: a valid document.
        editor: one that holds it, with a scope that begins with `grad`.
        of: the name of the output, as in `grad`.
        names: those of floating-point inputs and parameters.
        disconnected: as in `grad`.
        cotangent: that of the output; None for 1.

    Returns:
        The gradients by name, in the order of `names`.

    Raises:
        TransformError, NotDifferentiableError, DisconnectedError: as `grad` does.
    """
    output = scalar_output(document, of)
    seed = editor.full((), 1.0, document.types[output.value].dtype) if cotangent is None else cotangent
    cotangents = _cotangents(document, editor, {output.value: seed}, names)
    return completed(
        editor,
        cotangents,
        {name: name for name in names},
        disconnected,
        lambda name, value: (
            f'output "{of}" does not depend differentiably on {value}: {_reason(document, name, [output.value])}'
        ),
    )


@garbage_collection_paused()
def vjp(
    document: Document,
    outputs: str | Sequence[str],
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    disconnected: Disconnected = "zero",
) -> Document:
    """The document that also computes a vector-Jacobian product.

    For each of `outputs` there is one more input `cotangent.<output>` of its type, with a `CotangentRole`, and for each
    name in `wrt` one more output `grad.<name>`: the sum over `outputs` of cotangent · ∂output/∂name. Both are numbered
    (`cotangent2.`, `grad2.`) where the name is taken. These outputs have no role: they are the gradient of no output.

    Args:
        document: a valid document.
        outputs: names of floating-point outputs, of any shape.
        wrt: names of floating-point inputs and parameters, or "trainable" for all trainable parameters.
        disconnected: what becomes of a value on which none of `outputs` depends.

    Raises:
        TransformError: there is no such output, input or parameter, or it is not floating-point.
        NotDifferentiableError: an op without a derivative stands between a value and an output.
        DisconnectedError: `disconnected` is "error", and no output depends on a value.
    """
    chosen = floating_outputs(document, listed(outputs, "outputs"))
    names = differentiable_names(document, wrt)
    editor = extending_editor(document, "grad")
    prefixes = free_prefixes("cotangent", [item.name for item in chosen], set(document.types))
    seeds: dict[str, Value] = {}
    for item in chosen:
        seed = editor.add_input(_cotangent_input(prefixes[item.name] + item.name, item, document.types[item.value]))
        seeds[item.value] = seeds[item.value] + seed if item.value in seeds else seed
    cotangents = _cotangents(document, editor, seeds, names)
    said = ", ".join(f'"{item.name}"' for item in chosen)
    gradients = completed(
        editor,
        cotangents,
        {name: name for name in names},
        disconnected,
        lambda name, value: (
            f"none of the outputs {said} depends differentiably on {value}: {_reason(document, name, list(seeds))}"
        ),
    )
    prefixes = free_prefixes("grad", gradients, {item.name for item in document.outputs})
    for name, gradient in gradients.items():
        editor.add_output(_gradient_output(prefixes[name] + name, gradient, None))
    return extended_document(document, editor)


def _reason(document: Document, name: str, ends: Sequence[str]) -> str:
    """Why none of `ends` depends differentiably on an input or a parameter."""
    types = document.types
    node, path = disconnection(document.nodes, lambda reference: types[reference].dtype.is_floating, name, ends)
    if not path:
        return "nothing that is computed from it leads there"
    if node is None:
        return f"the derivative is 0 on the path {show_path(path, name)}"
    return f'node "{node.id}" ({node.name}) passes no derivative on, on the path {show_path(path, node.id)}'


def _cotangent_input(id: str, output: Output, type: TensorType) -> Input:
    try:
        return Input(id=id, dtype=type.dtype, shape=type.shape, role=CotangentRole(of=output.name))
    except ValueError:
        raise TransformError(
            f'output "{output.name}": its cotangent would be the input "{id}", which is not an id: letters, digits and '
            "_ . / - are allowed, at most 255; give the output another name"
        ) from None


def _gradient_output(name: str, value: Value, role: GradientRole | None) -> Output:
    try:
        return Output(name=name, value=value.id, role=role)
    except ValueError:
        raise TransformError(f'the name "{name}" would have {len(name)} characters; at most 255 are allowed') from None


def _cotangents(
    document: Document, editor: SimplifyingEditor, seeds: Mapping[str, Value], names: Sequence[str]
) -> dict[str, Value]:
    prefix = editor.scope
    found = backward(document.nodes, editor.value, seeds, names, scopes_of_nodes(editor, "grad"))
    editor.scope = prefix
    return found
