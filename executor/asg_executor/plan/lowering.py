"""Lowering: a document and values for its symbols become a `Program` of ops that an engine has kernels for."""

import math
from collections.abc import Container, Mapping

from asg_executor.allowance import Allowance, current_allowance
from asg_executor.errors import LimitExceededError, MemoryLimitError, SymbolError, UnsupportedOpError
from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.binding import bind_shape
from asg_executor.plan.program import Instruction, Program
from asg_schema.composite import Composite
from asg_schema.composites.control import Call
from asg_schema.document import Document
from asg_schema.editing import Editor, Value
from asg_schema.errors import DocumentError
from asg_schema.function import MOST_EXPANDED_NODES, expanded_nodes
from asg_schema.inference import infer_or_raise
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["lower"]

_MOST_BYTES = 2**62
_LONGEST_SCOPE = 160  # of at most 255 characters of an id


def lower(document: Document, symbols: Mapping[str, int], supported: Container[type[Op]]) -> Program:
    """Bind the symbols and expand every composite that is not in `supported`.

    Args:
        document: a valid document.
        symbols: a value for each symbol in the shapes of its inputs.
        supported: the ops for which the engine has kernels.

    Raises:
        SymbolError: a symbol has no value, or a node's rule does not hold for these values.
        UnsupportedOpError: a primitive is not in `supported`.
        MemoryLimitError: a value is too large for any memory.
        LimitExceededError: a value, or the program, is larger than it may be.
        RunStoppedError: it takes too long.
    """
    return _Lowering(document, symbols, supported).run()


def _check_size(node: str, type: TensorType, allowance: Allowance) -> None:
    """Refuse an array that cannot or may not exist, before anything is computed from its size."""
    size = math.prod(max(dim, 1) for dim in concrete_shape(type)) * type.dtype.itemsize
    if size > _MOST_BYTES:
        raise MemoryLimitError(f'node "{node}": {type} takes {size:,} bytes; an array has at most {_MOST_BYTES:,}')
    if 0 not in type.shape:
        allowance.check_tensor(f'node "{node}": {type}', size)


class _Lowering:
    """One pass over a document; composites are expanded in place, their parts next in line."""

    def __init__(self, document: Document, symbols: Mapping[str, int], supported: Container[type[Op]]) -> None:
        self.document = document
        self.symbols = symbols
        self.supported = supported
        self.editor: Editor = Editor()
        self.aliases: dict[str, str] = {}
        self.origins: dict[str, tuple[Op, Op]] = {}
        self.allowance = current_allowance()

    def run(self) -> Program:
        document, types = self.document, self.editor.types
        self._check_calls()
        for item in (*document.inputs, *document.parameters):
            types[item.id] = bind_shape(f'"{item.id}"', item.type, self.symbols)
        # The ids of later nodes are taken: what an expansion adds must not bear one of them.
        types.update((node.id, document.types[node.id]) for node in document.nodes)
        for node in document.nodes:
            self._document_node(node)
        return Program(
            types=types,
            sources=tuple(item.id for item in (*document.inputs, *document.parameters)),
            constants={},
            instructions=[
                Instruction(node, node.inputs, node.references(), *self.origins[node.id]) for node in self.editor.nodes
            ],
            outputs={output.name: self._resolve(output.value) for output in document.outputs},
        )

    def _check_calls(self) -> None:
        """Refuse functions that call functions that … until they have more nodes than anybody could expand."""
        what, count = f'document "{self.document.name}", its calls expanded,', expanded_nodes(self.document.nodes)
        if count > len(self.document.nodes):
            self.allowance.check_instructions(what, count)
        for node in self.document.nodes:
            if isinstance(node, Call) and node.linked.expanded_nodes > MOST_EXPANDED_NODES:
                name, nodes = node.linked.name, node.linked.expanded_nodes
                raise LimitExceededError(
                    "max_nodes", f'the function "{name}" expands to', nodes, MOST_EXPANDED_NODES, "nodes"
                )

    def _resolve(self, reference: str) -> str:
        while reference in self.aliases:
            reference = self.aliases[reference]
        return reference

    def _document_node(self, node: Op) -> None:
        where = f'node "{node.id}" ({node.name})'
        try:
            bound = node.bind(self.symbols)
        except KeyError as error:
            raise SymbolError(f'{where}: no input determines the symbol "{error.args[0]}"') from None
        except ZeroDivisionError:
            raise SymbolError(f"{where}: {self._binding()}a dim divides by zero") from None
        try:
            self._node(bound)
        except DocumentError as error:
            raise SymbolError(f"{self._binding()}{error.problems[0].message}") from None
        for reference in node.references():
            declared = bind_shape(where, self.document.types[reference], self.symbols)
            found = self.editor.types[self._resolve(reference)]
            if found != declared:
                raise SymbolError(
                    f"{where}: {self._binding()}its result is {found}, not {declared} as its symbolic type says"
                )

    def _binding(self) -> str:
        bound = ", ".join(f"{name} = {value}" for name, value in self.symbols.items())
        return f"with {bound}: " if bound else ""

    def _node(self, origin: Op) -> None:
        """Append a node, or what it expands to, without recursion."""
        waiting = [(origin, origin)]
        editor = self.editor
        while waiting:
            self.allowance.check_time()
            self.allowance.check_instructions(f'document "{self.document.name}"', len(editor.nodes))
            node, whole = waiting.pop()
            inputs = tuple(map(self._resolve, node.inputs))
            if inputs != node.inputs:
                node = node.model_copy(update={"inputs": inputs})
            if type(node) in self.supported:
                for reference in node.references():
                    editor.types.pop(reference, None)  # reserved until now
                for result in editor.append(node):
                    _check_size(origin.id, result.type, self.allowance)
                self.origins[node.id] = origin, whole
            elif isinstance(node, Composite):
                infer_or_raise(node, "", editor.types)  # with the symbols bound its rule may be broken
                parts = reversed(self._expansion(node))
                waiting.extend((part, part if isinstance(node, Call) else whole) for part in parts)
            else:
                raise UnsupportedOpError(
                    f'node "{origin.id}": the engine has neither a kernel nor an expansion for {node.name}'
                )

    def _expansion(self, node: Composite) -> list[Op]:
        """The nodes that define a composite. They are taken out of the graph again, so that they can be expanded."""
        editor = self.editor
        start = len(editor.nodes)
        editor.scope = f"{node.id[:_LONGEST_SCOPE]}."
        operands: list[Value] = [editor.value(reference) for reference in node.inputs]
        results = node.expand(operands)
        self.aliases.update(
            (reference, result.id) for reference, result in zip(node.references(), results, strict=True)
        )
        parts = editor.nodes[start:]
        del editor.nodes[start:]
        return parts
