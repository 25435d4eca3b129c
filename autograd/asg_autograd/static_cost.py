"""What the values and nodes of a document cost for given sizes: bytes and operations, from the types alone."""

from collections.abc import Iterable, Mapping

from asg_autograd.errors import TransformError
from asg_schema.cost import VIEWS, operations, size_in_bytes
from asg_schema.dims import SymbolicDim, bind_dim, format_shape, symbols_of
from asg_schema.document import Document
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

__all__ = ["StaticCost", "document_symbols"]


def document_symbols(document: Document) -> frozenset[str]:
    """The names of the symbols in the shapes of a document's inputs, which are all that its nodes may use."""
    return frozenset(
        name
        for item in document.inputs
        for dim in item.shape
        if isinstance(dim, SymbolicDim)
        for name in symbols_of(dim)
    )


class StaticCost:
    """Bytes and operations of a document whose symbols have values.

    Args:
        types: the type of every value, by reference.
        symbols: a size for each symbol of the document.

    Raises:
        TransformError: a symbol has no size, or one is named that the document does not have, or a size is below 0.
    """

    def __init__(self, document: Document, symbols: Mapping[str, int] | None) -> None:
        self.symbols = dict(symbols or {})
        self._types = document.types
        self._bound: dict[TensorType, TensorType] = {}
        known = document_symbols(document)
        for name, size in self.symbols.items():
            if name not in known:
                has = ", ".join(f'"{symbol}"' for symbol in sorted(known)) or "none"
                raise TransformError(
                    f'symbols: the document has no symbol "{name}"{nearest(name, known) or f"; its symbols are {has}"}'
                )
            if size < 0:
                raise TransformError(f'symbols: "{name}" is {size}; a size of at least 0 is needed')
        if missing := sorted(known - self.symbols.keys()):
            raise TransformError(
                f"how many bytes a value takes depends on {_listed(missing)}: give a size for each symbol, such as "
                f"{missing[0]}=32"
            )

    def type(self, reference: str) -> TensorType:
        """The type of a value, without symbols."""
        return self.bound(self._types[reference], reference)

    def bound(self, type: TensorType, what: str) -> TensorType:
        """A type without its symbols.

        Raises:
            TransformError: a dim divides by zero, or becomes negative.
        """
        found = self._bound.get(type)
        if found is None:
            found = self._bound[type] = TensorType(type.dtype, tuple(self._size(dim, type, what) for dim in type.shape))
        return found

    def _size(self, dim: "int | SymbolicDim", type: TensorType, what: str) -> int:
        try:
            size = bind_dim(dim, self.symbols)
        except ZeroDivisionError:
            size = -1
        if size < 0:
            sizes = ", ".join(f"{name} = {value}" for name, value in self.symbols.items())
            raise TransformError(f'"{what}" {format_shape(type.shape)} has no shape with {sizes}: {dim} has no size')
        return size

    def bytes(self, reference: str) -> int:
        """The memory of a value."""
        return size_in_bytes(self.type(reference))

    def operations(self, node: Op) -> int:
        """The operations of a node; a view of other elements has none."""
        if type(node) in VIEWS:
            return 0
        bound = node.bind(self.symbols) if self.symbols else node
        return operations(bound, self._all(node.inputs), self._all(node.references()))

    def _all(self, references: Iterable[str]) -> list[TensorType]:
        return [self.type(reference) for reference in references]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
