"""What a transform is asked for by name: outputs to differentiate, and inputs and parameters to differentiate by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from asg_autograd.errors import DisconnectedError, TransformError
from asg_schema.document import Document, Output
from asg_schema.editing import Editor, Value
from asg_schema.wire import nearest

__all__ = [
    "Disconnected",
    "completed",
    "differentiable_names",
    "floating_outputs",
    "listed",
    "named_outputs",
    "scalar_output",
    "unknown_source",
]

Disconnected: TypeAlias = Literal["zero", "drop", "error"]
"""What becomes of a derivative that is 0 because nothing depends differentiably: zeros, no derivative, or an error."""


def listed(names: str | Sequence[str], what: str) -> list[str]:
    """The names, each of them once.

    Raises:
        TransformError: there is none; `what` is what the argument is called.
    """
    result = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not result:
        raise TransformError(f"{what} is empty; at least one name is needed")
    return result


def named_outputs(document: Document, names: Iterable[str]) -> list[Output]:
    """The outputs of those names.

    Raises:
        TransformError: one does not exist.
    """
    by_name = {output.name: output for output in document.outputs}
    found: list[Output] = []
    for name in names:
        if name not in by_name:
            known = ", ".join(f'"{known}"' for known in by_name) or "none"
            hint = nearest(name, by_name) or f"; its outputs are {known}"
            raise TransformError(f'the document has no output "{name}"{hint}')
        found.append(by_name[name])
    return found


def floating_outputs(document: Document, names: Iterable[str]) -> list[Output]:
    """The floating-point outputs of those names.

    Raises:
        TransformError: one does not exist, or is not floating-point.
    """
    found: list[Output] = []
    for output in named_outputs(document, names):
        kind = document.types[output.value]
        if not kind.dtype.is_floating:
            raise TransformError(
                f'output "{output.name}" {kind} cannot be differentiated; a floating-point dtype is needed'
            )
        found.append(output)
    return found


def scalar_output(document: Document, name: str) -> Output:
    """The floating-point output of that name and of rank 0, of which there is a gradient.

    Raises:
        TransformError: there is none.
    """
    (output,) = floating_outputs(document, [name])
    if (kind := document.types[output.value]).rank:
        raise TransformError(
            f'output "{name}" {kind} is not a scalar; a gradient needs rank 0: take its mean or sum, or use vjp'
        )
    return output


def differentiable_names(document: Document, wrt: str | Sequence[str]) -> list[str]:
    """The names of inputs and parameters to differentiate by; "trainable" stands for all trainable parameters.

    Raises:
        TransformError: there is none, or one is not a floating-point input or parameter.
    """
    if wrt == "trainable":
        names = [parameter.id for parameter in document.parameters if parameter.trainable]
        if not names:
            raise TransformError("the document has no trainable parameter; name inputs or parameters in wrt")
        return names
    names = listed(wrt, "wrt")
    known = {item.id: item.dtype for item in (*document.inputs, *document.parameters)}
    for name in names:
        if name not in known:
            raise unknown_source(document, name, "wrt")
        if not known[name].is_floating:
            raise TransformError(
                f'wrt: "{name}" {document.types[name]} cannot be differentiated by; a floating-point dtype is needed'
            )
    return names


def unknown_source(document: Document, name: str, argument: str) -> TransformError:
    """The error that an argument names what is neither an input nor a parameter of the document."""
    if name in document.types:
        return TransformError(f'{argument}: "{name}" is the result of a node, not an input or a parameter')
    inputs = ", ".join(f'"{item.id}"' for item in document.inputs) or "none"
    hint = nearest(name, [item.id for item in (*document.inputs, *document.parameters)]) or f"; the inputs are {inputs}"
    return TransformError(f'{argument}: "{name}" is not the name of an input or a parameter{hint}')


def completed(
    editor: Editor[Value],
    derivatives: Mapping[str, Value],
    references: Mapping[str, str],
    disconnected: Disconnected,
    refusal: Callable[[str, str], str],
) -> dict[str, Value]:
    """The derivatives by name, with those that are zero as the caller wants them.

    Args:
        editor: the graph that they belong to.
        derivatives: those that are not zero, by the reference of what they have the type of.
        references: for each name that reference.
        disconnected: what becomes of the others.
        refusal: what to say of one of them, given its name, and its name and type as they are to be said.

    Raises:
        TransformError: `disconnected` is no such choice.
        DisconnectedError: it is "error", and a derivative is zero.
    """
    if disconnected not in get_args(Disconnected):
        raise TransformError(f'disconnected is {disconnected!r}; "zero", "drop" or "error" is needed')
    result: dict[str, Value] = {}
    for name, reference in references.items():
        kind = editor.types[reference]
        if reference in derivatives:
            result[name] = derivatives[reference]
        elif disconnected == "error":
            raise DisconnectedError(refusal(name, f'"{name}" {kind}'))
        elif disconnected == "zero":
            result[name] = editor.full(kind.shape, 0.0, kind.dtype)
    return result
