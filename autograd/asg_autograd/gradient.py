"""`grad` and `vjp`: from a document to the document that also computes derivatives."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from asg_autograd.backward import backward
from asg_autograd.errors import DisconnectedError, TransformError
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Value
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.roles import CotangentRole, GradientRole
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import node_of
from asg_schema.wire import nearest

__all__ = ["Disconnected", "grad", "vjp"]

Disconnected: TypeAlias = Literal["zero", "drop", "error"]
"""What becomes of a value on which nothing depends differentiably: a gradient of zeros, no gradient, or an error."""

_ORDER_PREFIX = re.compile(r"grad\d*\.")
_LONGEST_STEM = 160


@garbage_collection_paused()
def grad(
    document: Document,
    of: str = "loss",
    wrt: Literal["trainable"] | Sequence[str] = "trainable",
    disconnected: Disconnected = "zero",
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

    Raises:
        TransformError: there is no such output, input or parameter, or it is not floating-point, or the output is not
            a scalar.
        NotDifferentiableError: an op without a derivative stands between a value and the output.
        DisconnectedError: `disconnected` is "error", and the output does not depend on a value.
    """
    output = _floating_output(document, of)
    if (kind := document.types[output.value]).rank:
        raise TransformError(
            f'output "{of}" {kind} is not a scalar; a gradient needs rank 0: take its mean or sum, or use vjp'
        )
    names = _targets(document, wrt)
    editor = _editor(document)
    seed = editor.full((), 1.0, kind.dtype)
    cotangents = _cotangents(document, editor, {output.value: seed}, names)
    gradients = _complete(document, editor, cotangents, names, disconnected, f'output "{of}" does')
    prefixes = _free_prefixes("grad", gradients, {item.name for item in document.outputs})
    for name, gradient in gradients.items():
        editor.add_output(_gradient_output(prefixes[name] + name, gradient, GradientRole(of=of, wrt=name)))
    return _finished(document, editor)


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
    chosen = [_floating_output(document, name) for name in _listed(outputs, "outputs")]
    names = _targets(document, wrt)
    editor = _editor(document)
    prefixes = _free_prefixes("cotangent", [item.name for item in chosen], set(document.types))
    seeds: dict[str, Value] = {}
    for item in chosen:
        seed = editor.add_input(_cotangent_input(prefixes[item.name] + item.name, item, document.types[item.value]))
        seeds[item.value] = seeds[item.value] + seed if item.value in seeds else seed
    cotangents = _cotangents(document, editor, seeds, names)
    said = ", ".join(f'"{item.name}"' for item in chosen)
    gradients = _complete(document, editor, cotangents, names, disconnected, f"none of the outputs {said} does")
    prefixes = _free_prefixes("grad", gradients, {item.name for item in document.outputs})
    for name, gradient in gradients.items():
        editor.add_output(_gradient_output(prefixes[name] + name, gradient, None))
    return _finished(document, editor)


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


def _listed(names: str | Sequence[str], what: str) -> list[str]:
    listed = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not listed:
        raise TransformError(f"{what} is empty; at least one name is needed")
    return listed


def _floating_output(document: Document, name: str) -> Output:
    by_name = {output.name: output for output in document.outputs}
    if name not in by_name:
        known = ", ".join(f'"{known}"' for known in by_name) or "none"
        hint = nearest(name, by_name) or f"; its outputs are {known}"
        raise TransformError(f'the document has no output "{name}"{hint}')
    kind = document.types[by_name[name].value]
    if not kind.dtype.is_floating:
        raise TransformError(f'output "{name}" {kind} cannot be differentiated; a floating-point dtype is needed')
    return by_name[name]


def _targets(document: Document, wrt: str | Sequence[str]) -> list[str]:
    if wrt == "trainable":
        names = [parameter.id for parameter in document.parameters if parameter.trainable]
        if not names:
            raise TransformError("the document has no trainable parameter; name inputs or parameters in wrt")
        return names
    names = _listed(wrt, "wrt")
    known = {item.id: item.dtype for item in (*document.inputs, *document.parameters)}
    for name in names:
        if name not in known:
            what = "is the result of a node, not" if name in document.types else "is not the name of"
            raise TransformError(f'wrt: "{name}" {what} an input or a parameter{nearest(name, known)}')
        if not known[name].is_floating:
            raise TransformError(
                f'wrt: "{name}" {document.types[name]} cannot be differentiated by; a floating-point dtype is needed'
            )
    return names


def _editor(document: Document) -> SimplifyingEditor:
    editor = SimplifyingEditor()
    editor.load(document)
    editor.scope = editor.constant_scope = _scope(document)
    return editor


def _scope(document: Document) -> str:
    """`grad.`, or `grad2.`, … where ids of the document already begin so."""
    taken = {match.group() for reference in document.types if (match := _ORDER_PREFIX.match(reference))}
    order = 1
    while (prefix := f"grad{order if order > 1 else ''}.") in taken:
        order += 1
    return prefix


def _namer(editor: SimplifyingEditor) -> Callable[[Op], None]:
    """Scopes that name what is appended after the forward node that it belongs to."""
    prefix = editor.scope

    def visit(node: Op) -> None:
        stem = _ORDER_PREFIX.sub("", node.id, count=1) if node.id.startswith("grad") else node.id
        editor.scope = f"{prefix}{stem}." if len(stem) <= _LONGEST_STEM else prefix

    return visit


def _cotangents(
    document: Document, editor: SimplifyingEditor, seeds: Mapping[str, Value], names: Sequence[str]
) -> dict[str, Value]:
    prefix = editor.scope
    found = backward(document.nodes, editor.value, seeds, names, _namer(editor))
    editor.scope = prefix
    return found


def _complete(
    document: Document,
    editor: SimplifyingEditor,
    cotangents: Mapping[str, Value],
    names: Sequence[str],
    disconnected: Disconnected,
    subject: str,
) -> dict[str, Value]:
    """The gradients by name, those of disconnected values as the caller wants them."""
    if disconnected not in get_args(Disconnected):
        raise TransformError(f'disconnected is {disconnected!r}; "zero", "drop" or "error" is needed')
    gradients: dict[str, Value] = {}
    for name in names:
        kind = document.types[name]
        if name in cotangents:
            gradients[name] = cotangents[name]
        elif disconnected == "error":
            raise DisconnectedError(f'{subject} not depend differentiably on "{name}" {kind}')
        elif disconnected == "zero":
            gradients[name] = editor.full(kind.shape, 0.0, kind.dtype)
    return gradients


def _free_prefixes(stem: str, names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """For each name the first of `stem.`, `stem2.`, `stem3.`, … with which it is not taken."""
    prefixes: dict[str, str] = {}
    for name in names:
        order = 1
        while (prefix := f"{stem}{order if order > 1 else ''}.") + name in taken:
            order += 1
        prefixes[name] = prefix
    return prefixes


def _finished(document: Document, editor: SimplifyingEditor) -> Document:
    """The document with the forward nodes as they are, and of the appended ones those that an output needs."""
    first = len(document.nodes)
    needed = {node_of(output.value) for output in editor.outputs}
    appended: list[Op] = []
    for node in reversed(editor.nodes[first:]):
        if node.id in needed:
            appended.append(node)
            needed.update(map(node_of, node.inputs))
        else:
            for reference in node.references():
                del editor.types[reference]
    editor.nodes[first:] = reversed(appended)
    return editor.document(document.name, dict(document.metadata))
