"""`LinkedFunction`: a function of a document, ready to be called."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from asg_schema.attributes import encode_shape
from asg_schema.digest import add_node_digests, digest_of
from asg_schema.dims import Dim, SymbolicDim, substitute_dim, symbol, symbols_of
from asg_schema.editing import Value
from asg_schema.errors import DimError, ExpansionError, RuleError
from asg_schema.inference import infer_node, type_problem
from asg_schema.interruption import interruption
from asg_schema.op import Op
from asg_schema.parts import Input, Output
from asg_schema.tensor_type import TensorType
from asg_schema.writing import input_to_json, output_to_json

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "MOST_EXPANDED_NODES",
    "MOST_SIGNATURES",
    "LinkedFunction",
    "called_functions",
    "expanded_nodes",
    "reachable_functions",
    "symbol_name",
]

MOST_EXPANDED_NODES = 1_000_000
"""How many nodes a function may have, with all calls in it expanded, to be written in the place of one call."""

MOST_SIGNATURES = 1000
"""For how many different combinations of operand types a function may be called, in a document and its functions."""

_MOST_COUNTED = 2**63 - 1


class LinkedFunction:
    """A graph that is called: closed, with the functions that it calls linked to the nodes that call them.

    Two are equal where their names and their JSON are, and those of all functions that they call.

    Args:
        name: its name in the document.
        inputs: what it is given, at least one.
        nodes: its nodes; those that call others hold them.
        outputs: what it answers, at least one.
        vjp: the function that pulls cotangents back through it; absent: its gradient is that of its nodes.

    Attributes:
        expanded_nodes: how many nodes it has with all calls expanded, itself counted as one; at most 2⁶³ - 1.
        depth: how many functions call each other in it at most, itself included; its `vjp` counts as called.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Input],
        nodes: Sequence[Op],
        outputs: Sequence[Output],
        vjp: "Self | None" = None,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs)
        self.vjp = vjp
        called = [function for node in self.nodes for function in called_functions(node)]
        expanded = 1 + len(self.nodes) + sum(function.expanded_nodes for function in called)
        self.expanded_nodes = min(expanded, _MOST_COUNTED)
        deepest = max((function.depth for function in called), default=0)
        self.depth = 1 + max(deepest, 0 if vjp is None else vjp.depth)
        self._inferred: dict[tuple[TensorType, ...], tuple[TensorType, ...] | _Refusal] = {}

    def __repr__(self) -> str:
        return f"LinkedFunction({self.name!r}, {len(self.inputs)} inputs, {len(self.nodes)} nodes)"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, LinkedFunction) and self.identity == other.identity)

    def __hash__(self) -> int:
        return hash(self.identity)

    @cached_property
    def identity(self) -> str:
        """What it is, its names and those of its values included, as 64 hexadecimal digits: equal for equal ones."""
        called = {function.name: function.identity for node in self.nodes for function in called_functions(node)}
        content = [
            self.name,
            [input_to_json(item) for item in self.inputs],
            [node.to_json() for node in self.nodes],
            [output_to_json(item) for item in self.outputs],
            called,
            None if self.vjp is None else self.vjp.identity,
        ]
        return digest_of("linked", content)

    @cached_property
    def digest(self) -> str:
        """What it means, as 64 hexadecimal digits; its name, and those of its values, do not enter.

        `schema/README.md` defines it exactly.
        """
        digests: dict[str, str] = {}
        for index, item in enumerate(self.inputs):
            digests[item.id] = digest_of("operand", [index, item.dtype.value, encode_shape(item.shape)])
        taken = list(digests.values())
        add_node_digests(self.nodes, digests)
        results = [digests[item.value] for item in self.outputs]
        return digest_of("function", [taken, results, None if self.vjp is None else self.vjp.digest])

    def result_types(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The types of its results for operands of these types.

        Raises:
            RuleError: they do not fit its inputs, or a node's rule does not hold for them.
        """
        given = tuple(operands)
        found = self._inferred.get(given)
        if found is None:
            if len(self._inferred) >= MOST_SIGNATURES:
                raise RuleError(
                    f'the function "{self.name}" is called with more than {MOST_SIGNATURES:,} different combinations '
                    "of operand types"
                )
            try:
                types = self._value_types(given)
                found = tuple(types[item.value] for item in self.outputs)
            except RuleError as error:
                found = _Refusal(error.message, error.operand, error.field)
            self._inferred[given] = found
        if isinstance(found, _Refusal):
            raise RuleError(found.message, operand=found.operand, field=found.field)
        return found

    @property
    def types(self) -> dict[str, TensorType]:
        """The types of its values as its own inputs declare them, by reference."""
        return self._value_types(tuple(item.type for item in self.inputs))

    def _value_types(self, operands: tuple[TensorType, ...]) -> dict[str, TensorType]:
        symbols = self.bind(operands)
        types = {item.id: operand for item, operand in zip(self.inputs, operands, strict=True)}
        check = interruption.get()
        for node in self.nodes:
            if check is not None:
                check()
            try:
                results = infer_node(node.substitute(symbols), [types[reference] for reference in node.inputs])
            except RuleError as error:
                raise self._broken(symbols, type_problem(error, node, "", types).message) from None
            except ZeroDivisionError:
                raise self._broken(symbols, f'node "{node.id}" ({node.name}): a dim divides by zero') from None
            types.update(zip(node.references(), results, strict=True))
        return types

    def _broken(self, symbols: Mapping[str, Dim], said: str) -> RuleError:
        return RuleError(f'the function "{self.name}", {_listed(symbols)}: {said}')

    def bind(self, operands: Sequence[TensorType]) -> dict[str, Dim]:
        """What the symbols of its inputs stand for where it is called with operands of these types.

        Raises:
            RuleError: the operands do not fit its inputs.
        """
        if len(operands) != len(self.inputs):
            names = ", ".join(item.id for item in self.inputs)
            raise RuleError(
                f'the function "{self.name}" takes {len(self.inputs)} of them ({names}), not {len(operands)}',
                field="inputs",
            )
        bound: dict[str, Dim] = {}
        for index, (item, operand) in enumerate(zip(self.inputs, operands, strict=True)):
            if item.dtype is not operand.dtype or len(item.shape) != operand.rank:
                raise RuleError(f'{{{index}}} is given for "{item.id}" {item.type} of "{self.name}"', operand=index)
            for axis, (wanted, dim) in enumerate(zip(item.shape, operand.shape, strict=True)):
                if (name := symbol_name(wanted)) is not None and bound.setdefault(name, dim) != dim:
                    raise RuleError(
                        f'axis {axis} of {{{index}}} is {dim}, and "{name}" of the function "{self.name}" is '
                        f"{bound[name]} already",
                        operand=index,
                    )
        self._check_dims(operands, bound)
        return bound

    def _check_dims(self, operands: Sequence[TensorType], bound: Mapping[str, Dim]) -> None:
        """Compare the dims that are no plain symbols, now that the symbols are known."""
        for index, (item, operand) in enumerate(zip(self.inputs, operands, strict=True)):
            for axis, (wanted, dim) in enumerate(zip(item.shape, operand.shape, strict=True)):
                try:
                    needed = substitute_dim(wanted, bound)
                except (DimError, ZeroDivisionError) as error:
                    said = "a dim divides by zero" if isinstance(error, ZeroDivisionError) else error.message
                    raise RuleError(f'"{item.id}" of the function "{self.name}": {said}', operand=index) from None
                if needed != dim:
                    raise RuleError(
                        f'axis {axis} of {{{index}}} is {dim}, and {needed} is needed there for "{item.id}" of the '
                        f'function "{self.name}"',
                        operand=index,
                    )

    def inline(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        """Append its nodes to the graph of `operands`, applied to them.

        Returns:
            Its results.

        Raises:
            DocumentError: a node's rule does not hold for these operands.
            ExpansionError: there are too many nodes.
        """
        if self.expanded_nodes > MOST_EXPANDED_NODES:
            raise ExpansionError(
                f'the function "{self.name}" has {self.expanded_nodes:,} nodes with its calls expanded; at most '
                f"{MOST_EXPANDED_NODES:,} are written in the place of a call"
            )
        symbols = self.bind([operand.type for operand in operands])
        values = {item.id: operand for item, operand in zip(self.inputs, operands, strict=True)}
        editor = operands[0].editor
        for node in self.nodes:
            step = node.substitute(symbols)
            attributes = {name: getattr(step, name) for name in step.attributes}
            emitted = editor.emit(type(step), [values[reference] for reference in step.inputs], attributes)
            values.update(zip(step.references(), emitted, strict=True))
        return tuple(values[item.value] for item in self.outputs)


class _Refusal(NamedTuple):
    """Why a function cannot be called with operands of some types: what a `RuleError` is made of."""

    message: str
    operand: int | None
    field: str | None


def _listed(symbols: Mapping[str, Dim]) -> str:
    return "with " + ", ".join(f"{name} = {dim}" for name, dim in symbols.items()) if symbols else "without symbols"


def symbol_name(dim: Dim) -> str | None:
    """The name of a dim that is a symbol and nothing else."""
    if isinstance(dim, SymbolicDim):
        names = symbols_of(dim)
        if len(names) == 1 and dim == symbol(next(iter(names))):
            return next(iter(names))
    return None


def called_functions(node: Op) -> tuple[LinkedFunction, ...]:
    """The function that a node calls, if it does."""
    if node.name != "call":
        return ()
    function: object = getattr(node, "function")  # noqa: B009 - the class of such nodes is made of functions
    return (function,) if isinstance(function, LinkedFunction) else ()


def expanded_nodes(nodes: Iterable[Op]) -> int:
    """How many nodes there are with all calls expanded, at most 2⁶³ - 1; each call counts as one, too."""
    count = sum(1 + sum(function.expanded_nodes for function in called_functions(node)) for node in nodes)
    return min(count, _MOST_COUNTED)


def reachable_functions(nodes: Iterable[Op]) -> list[LinkedFunction]:
    """The functions that nodes call, and those that these call; each once, before those that call it."""
    found: dict[int, LinkedFunction] = {}
    calls = [node for node in nodes if type(node).name == "call"]  # of the class: to ask a node itself takes longer
    waiting = [function for node in calls for function in called_functions(node)][::-1]
    entered: set[int] = set()
    while waiting:
        function = waiting[-1]
        key = id(function)
        if key in found:
            waiting.pop()
        elif key in entered:
            waiting.pop()
            found[key] = function
        else:
            entered.add(key)
            inner = [called for node in function.nodes for called in called_functions(node)]
            waiting.extend(called for called in inner if id(called) not in found)
            if function.vjp is not None and id(function.vjp) not in found:
                waiting.append(function.vjp)
    return list(found.values())
