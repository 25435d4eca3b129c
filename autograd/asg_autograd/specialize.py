"""`specialize`: symbols of a document's shapes become sizes, or other dims."""

from collections.abc import Mapping

from asg_autograd.errors import TransformError
from asg_schema.dims import Dim, SymbolicDim, dim_from_json, substitute_dim, symbols_of
from asg_schema.document import Document, Input
from asg_schema.errors import DimError, DocumentError
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.wire import nearest, show_value

__all__ = ["specialize", "substituted"]


@garbage_collection_paused()
def specialize(document: Document, /, **symbols: Dim | str) -> Document:
    """The document with symbols of its shapes replaced, all at once: `specialize(document, batch=32, length="n")`.

    Every shape is changed, of inputs and in the attributes of nodes, and the types follow. Ids and names stay. Two
    symbols may become one; what was a `dim_size` stays one.

    Args:
        document: a valid document.
        symbols: for each symbol a size, the name of a symbol, or an expression over symbols.

    Raises:
        TransformError: there is no such symbol, what is to take its place is no size, or an op's rule does not hold
            for it.
    """
    known = {name: None for item in document.inputs for dim in item.shape for name in sorted(symbols_of(dim))}
    values = {name: _value(name, given, known) for name, given in symbols.items()}
    try:
        result = substituted(document, values)
        _ = result.types  # checks the whole
    except DocumentError as error:
        said = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise TransformError(f"with {said} the document is not valid:\n{error}") from None
    return result


def _value(name: str, given: object, known: Mapping[str, None]) -> Dim:
    if name not in known:
        listed = ", ".join(known) or "none"
        raise TransformError(
            f'the document has no symbol "{name}"{nearest(name, known) or f"; its symbols are {listed}"}'
        )
    try:
        value = dim_from_json(given)
    except DimError as error:
        raise TransformError(f"{name}: {error}") from None
    if isinstance(value, int) and value < 0:
        raise TransformError(f"{name} is {show_value(value)}; a size of at least 0, or a symbol, is needed")
    return value


def substituted(document: Document, values: Mapping[str, Dim]) -> Document:
    """The document with symbols replaced. Its types are not inferred yet, so that it may turn out not to be valid.

    Raises:
        TransformError: a dim divides by zero, or becomes too large.
    """
    return Document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=tuple(_input(item, values) for item in document.inputs),
        parameters=document.parameters,
        nodes=tuple(_node(node, values) for node in document.nodes),
        outputs=document.outputs,
        functions=document.functions,
        metadata=document.metadata,
    )


def _input(item: Input, values: Mapping[str, Dim]) -> Input:
    if not any(isinstance(dim, SymbolicDim) for dim in item.shape):
        return item
    try:
        shape = tuple(substitute_dim(dim, values) for dim in item.shape)
    except (ZeroDivisionError, DimError) as error:
        raise TransformError(f'input "{item.id}" {item.type}: {error}') from None
    return item.model_copy(update={"shape": shape})


def _node(node: Op, values: Mapping[str, Dim]) -> Op:
    try:
        return node.substitute(values)
    except (ZeroDivisionError, DimError) as error:
        raise TransformError(f'node "{node.id}" ({node.name}): {error}') from None
