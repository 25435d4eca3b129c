"""`merge`: two documents become one, in which the first computes inputs of the second."""

from collections.abc import Container, Iterable, Mapping, Sequence

from asg_autograd.errors import TransformError
from asg_autograd.merged_names import merged_names
from asg_autograd.references import renamed_document, renamed_reference
from asg_autograd.renamed_functions import apart_from
from asg_autograd.selection import named_outputs
from asg_autograd.specialize import substituted
from asg_autograd.unification import Unification, UnificationError
from asg_schema.dims import Dim, symbol, symbols_of
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.errors import DimError, DocumentError
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.roles import GradientRole, LossScaleRole, TangentRole
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

__all__ = ["merge"]


@garbage_collection_paused()
def merge(
    first: Document,
    second: Document,
    connect: Mapping[str, str] | None = None,
    *,
    prefix: str | None = None,
    share: str | Sequence[str] = (),
) -> Document:
    """One document that computes what two do: `merge(encoder, decoder, {"features": "encoded"})`.

    What is connected is no input any more; all other inputs, all parameters and all outputs of both are kept, those of
    the first before those of the second. The shapes of what is connected or shared have to agree, and symbols are
    replaced so that they do, those of the second by those of the first where there is a choice; another symbol of the
    second is the one of the first that is called like it. Where both documents have a node of the same id, or
    different functions of the same name, that of the second gets a number behind it. An output of the second that is
    the derivative by a connected input keeps its name and loses its role, which can only name an input or a parameter.

    Args:
        first: a valid document.
        second: a valid document.
        connect: for inputs of `second` the output of `first` that takes their place.
        prefix: what is put before those names of `second` that `first` has, too; absent: that is an error.
        share: names of inputs and parameters that both documents have and that are to be one in the result; one that
            ends with a dot or a slash stands for all that begin so.

    Raises:
        TransformError: there is no such input, output or parameter, types do not agree, or a name is that of something
            else in the other document.
    """
    connected = _connections(first, second, connect or {})
    shared = _shared(first, second, [share] if isinstance(share, str) else list(share), connected)
    first, second = _unified(first, second, connected, shared)
    second = _without_roles_of(second, connected)
    names = merged_names(first, second, {*connected, *shared}, prefix)
    first = renamed_document(first, names.first_ids, {})
    values = {name: renamed_reference(output.value, names.first_ids) for name, output in connected.items()}
    second = apart_from(second, first)
    second = renamed_document(second, {**names.second_ids, **values}, names.second_outputs)
    outer = {*values.values(), *shared}
    _refuse_two_loss_scales(first, second, outer)
    merged = Document.model_construct(
        asg=max(first.asg, second.asg),
        name=first.name,
        inputs=(*first.inputs, *(item for item in second.inputs if item.id not in outer)),
        parameters=(*first.parameters, *(item for item in second.parameters if item.id not in outer)),
        nodes=(*first.nodes, *second.nodes),
        outputs=(*first.outputs, *second.outputs),
        functions={**first.functions, **second.functions},
        metadata={**second.metadata, **first.metadata},
    )
    _ = merged.types
    return merged


def _refuse_two_loss_scales(first: Document, second: Document, one: Container[str]) -> None:
    """Refuse that both documents have a loss scale, but where these are one."""
    ours = [item.id for item in first.inputs if isinstance(item.role, LossScaleRole)]
    theirs = [item.id for item in second.inputs if isinstance(item.role, LossScaleRole) and item.id not in one]
    if ours and theirs:
        raise TransformError(
            f'the input "{ours[0]}" of the first document and "{theirs[0]}" of the second are both loss scales; a '
            "document has at most one: name it in share"
        )


def _connections(first: Document, second: Document, connect: Mapping[str, str]) -> dict[str, Output]:
    """For each connected input of the second document the output of the first that takes its place."""
    known = {item.id: item for item in second.inputs}
    for name in connect:
        if name not in known:
            listed = ", ".join(f'"{id}"' for id in known) or "none"
            hint = nearest(name, known) or f"; its inputs are {listed}"
            raise TransformError(f'connect: the second document has no input "{name}"{hint}')
    try:
        found = dict(zip(connect, named_outputs(first, connect.values()), strict=True))
    except TransformError as error:
        raise TransformError(f"connect: of the first, {error}") from None
    for name, output in found.items():
        given, wanted = first.types[output.value], known[name].type
        if given.dtype is not wanted.dtype or given.rank != wanted.rank:
            raise TransformError(_disagreement(name, wanted, output.name, given))
    return found


def _disagreement(name: str, wanted: TensorType, output: str, given: TensorType) -> str:
    return f'connect: output "{output}" {given} of the first document cannot be input "{name}" {wanted} of the second'


def _shared(first: Document, second: Document, share: Sequence[str], connected: Mapping[str, Output]) -> list[str]:
    """The ids of inputs and parameters that are one in both documents."""
    ours = {item.id: item for item in (*first.inputs, *first.parameters)}
    theirs = {item.id: item for item in (*second.inputs, *second.parameters)}
    common = dict.fromkeys(id for id in theirs if id in ours)
    found: dict[str, None] = {}
    for name in share:
        chosen = (
            [name] if name in common else [id for id in common if name[-1:] in ("", ".", "/") and id.startswith(name)]
        )
        if not chosen:
            raise TransformError(
                f'share: the two documents have no input or parameter "{name}" in common{nearest(name, common)}'
            )
        found.update(dict.fromkeys(chosen))
    for id in found:
        if id in connected:
            raise TransformError(f'share: input "{id}" of the second document is connected; it cannot be shared, too')
        if (fault := _difference(ours[id], theirs[id])) is not None:
            raise TransformError(f'share: "{id}" cannot be one in both documents: {fault}')
    return list(found)


def _difference(ours: Input | Parameter, theirs: Input | Parameter) -> str | None:
    """What keeps two inputs or parameters from being one, the dims of inputs apart."""
    if isinstance(ours, Parameter) and isinstance(theirs, Parameter):
        fields = [field for field in Parameter.model_fields if getattr(ours, field) != getattr(theirs, field)]
        return f"they differ in {' and '.join(fields)}" if fields else None
    if isinstance(ours, Parameter) or isinstance(theirs, Parameter):
        return "it is an input of one and a parameter of the other"
    if ours.dtype is not theirs.dtype or len(ours.shape) != len(theirs.shape):
        return f"it is {ours.type} in the first and {theirs.type} in the second"
    return None if ours.role == theirs.role else "its roles differ"


def _unified(
    first: Document, second: Document, connected: Mapping[str, Output], shared: Iterable[str]
) -> tuple[Document, Document]:
    """The documents with symbols replaced so that the shapes of what is connected or shared agree."""
    unification = Unification(_symbols(first), _symbols(second))
    pairs = [(name, first.types[output.value]) for name, output in connected.items()]
    for name, given in [*pairs, *((id, first.types[id]) for id in shared)]:
        wanted = second.types[name]
        for axis, (left, right) in enumerate(zip(given.shape, wanted.shape, strict=True)):
            try:
                unification.equate(left, right)
            except (UnificationError, DimError) as error:
                said = f'share: "{name}" is {given} in the first and {wanted} in the second document'
                if name in connected:
                    said = _disagreement(name, wanted, connected[name].name, given)
                raise TransformError(f"{said}: axis {axis}, {error}") from None
    ours, theirs = unification.values()
    return _substituted(first, ours, "first"), _substituted(second, theirs, "second")


def _symbols(document: Document) -> set[str]:
    return {name for item in document.inputs for dim in item.shape for name in symbols_of(dim)}


def _substituted(document: Document, values: Mapping[str, Dim], which: str) -> Document:
    changed = {name: value for name, value in values.items() if value != symbol(name)}
    if not changed:
        return document
    result = substituted(document, changed)
    try:
        _ = result.types
    except DocumentError as error:
        said = ", ".join(f"{name} = {value}" for name, value in changed.items())
        raise TransformError(f"with {said} the {which} document is not valid:\n{error}") from None
    return result


def _without_roles_of(document: Document, connected: Container[str]) -> Document:
    """The document without roles that name an input which is one no more."""
    inputs = tuple(
        item.model_copy(update={"role": None})
        if isinstance(item.role, TangentRole) and item.role.of in connected
        else item
        for item in document.inputs
    )
    outputs = tuple(
        item.model_copy(update={"role": None})
        if isinstance(item.role, GradientRole) and item.role.wrt in connected
        else item
        for item in document.outputs
    )
    return document.model_copy(update={"inputs": inputs, "outputs": outputs})
