"""`prune`: some of a document's outputs, and what they need."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, get_args

from asg_autograd.errors import TransformError
from asg_autograd.selection import listed, named_outputs
from asg_schema import traversal
from asg_schema.dims import SymbolicDim, symbols_of
from asg_schema.document import Document, Input, Output
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.roles import GradientRole, StateUpdateRole, TangentRole

__all__ = ["Unused", "prune"]

Unused: TypeAlias = Literal["drop", "keep"]
"""What becomes of inputs and parameters that nothing needs any more."""


@garbage_collection_paused()
def prune(document: Document, outputs: str | Sequence[str] | None = None, *, unused: Unused = "drop") -> Document:
    """The document with some of its outputs, and only the nodes, inputs and parameters that they need.

    Needed are, too: what the role of a kept output or input names, such as the parameter of a state update, and for
    each symbol of a shape an input that says what it is. What is kept stays in order and unchanged.

    Args:
        document: a valid document.
        outputs: names of outputs; absent: all of them, so that only what no output needs goes.
        unused: "keep" leaves all inputs and parameters where they are, so that the document is called as before.

    Raises:
        TransformError: there is no such output.
    """
    if unused not in get_args(Unused):
        raise TransformError(f'unused is {unused!r}; "drop" or "keep" is needed')
    names = None if outputs is None else {item.name for item in named_outputs(document, listed(outputs, "outputs"))}
    kept = [item.name for item in document.outputs if names is None or item.name in names]
    pruned = traversal.prune(document, kept)
    return pruned if unused == "keep" else _without_unused(pruned)


def _without_unused(document: Document) -> Document:
    needed = _needed_sources(document)
    inputs = tuple(item for item in document.inputs if item.id in needed)
    parameters = tuple(item for item in document.parameters if item.id in needed)
    dropped = {item.id for item in (*document.inputs, *document.parameters)} - needed
    pruned = Document.model_construct(
        asg=document.asg,
        name=document.name,
        inputs=inputs,
        parameters=parameters,
        nodes=document.nodes,
        outputs=document.outputs,
        functions=document.functions,
        metadata=document.metadata,
    )
    # Inference would find the same types again.
    types = {reference: type for reference, type in document.types.items() if reference not in dropped}
    object.__setattr__(pruned, "types", types)
    return pruned


def _needed_sources(document: Document) -> set[str]:
    """The ids of the inputs and parameters that a document without dead nodes needs."""
    sources = {item.id for item in (*document.inputs, *document.parameters)}
    used = {reference for node in document.nodes for reference in node.inputs}
    used.update(item.value for item in document.outputs)
    used.update(_named_by_roles(document.outputs))
    search = _Search(document.inputs)
    for node in document.nodes:
        search.symbols.update(node.symbols())
    search.need(used & sources)
    search.bind_symbols()
    return search.needed


def _named_by_roles(outputs: Iterable[Output]) -> Iterable[str]:
    for item in outputs:
        if isinstance(item.role, GradientRole):
            yield item.role.wrt
        elif isinstance(item.role, StateUpdateRole):
            yield item.role.of


class _Search:
    """The search for what inputs need further: what their roles name, and others that say what their symbols are."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.needed: set[str] = set()
        self.symbols: set[str] = set()
        self._inputs = {item.id: item for item in inputs}
        self._plain: set[str] = set()  # symbols that are themselves a dim of a needed input
        self._contained: set[str] = set()

    def need(self, sources: Iterable[str]) -> None:
        """Inputs and parameters that are needed."""
        pending = list(sources)
        while pending:
            id = pending.pop()
            if id in self.needed:
                continue
            self.needed.add(id)
            if (item := self._inputs.get(id)) is not None:
                self._plain.update(_plain_symbols(item))
                self._contained.update(_symbols(item))
                if isinstance(item.role, TangentRole):
                    pending.append(item.role.of)

    def bind_symbols(self) -> None:
        """Need for each symbol the first input of which it is a dim, or where there is none, one that contains it."""
        plain = {name: item.id for item in reversed(self._inputs.values()) for name in _plain_symbols(item)}
        contained = {name: item.id for item in reversed(self._inputs.values()) for name in _symbols(item)}
        pending = sorted(self.symbols | self._contained, reverse=True)
        while pending:
            name = pending.pop()
            if name in self._plain or (name not in plain and name in self._contained):
                continue
            id = plain.get(name) or contained[name]
            self.need([id])
            pending.extend(_symbols(self._inputs[id]))


def _plain_symbols(item: Input) -> Iterable[str]:
    return (str(dim) for dim in item.shape if isinstance(dim, SymbolicDim) and set(symbols_of(dim)) == {str(dim)})


def _symbols(item: Input) -> Iterable[str]:
    return (name for dim in item.shape for name in symbols_of(dim))
