"""Checking a document whole: every problem is found, each with its JSON Pointer, not just the first."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from asg_schema.any_op import Function
from asg_schema.composites.control import Call
from asg_schema.dims import SymbolicDim, format_shape, symbols_of
from asg_schema.dtype import DType
from asg_schema.errors import MOST_PROBLEMS, DocumentError, Problem, RuleError
from asg_schema.function import LinkedFunction
from asg_schema.function_interface import interface_problems
from asg_schema.inference import Inference, infer_node, type_problem
from asg_schema.initializers import KaimingNormal, KaimingUniform, Normal, Orthogonal, XavierNormal, XavierUniform
from asg_schema.interruption import interruption
from asg_schema.linking import link_functions
from asg_schema.op import Op
from asg_schema.parts import Input, Output, Parameter
from asg_schema.reading import Broken, Parts
from asg_schema.roles import CotangentRole, GradientRole, LossScaleRole, RngKeyRole, StateUpdateRole, TangentRole
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import node_of
from asg_schema.wire import json_pointer, nearest, show_value

if TYPE_CHECKING:
    from asg_schema.document import Document

__all__ = ["check_parts", "check_types", "document_problems"]


def check_types(document: "Document") -> dict[str, TensorType]:
    """The type of every value of a document.

    Raises:
        DocumentError: with every problem of the document.
    """
    checker = _Checker(_parts(document))
    checker.run()
    if checker.problems:
        raise DocumentError(checker.in_document_order())
    return checker.types


def document_problems(document: "Document") -> list[Problem]:
    """Every problem of a document, in document order; none for a valid one."""
    return check_parts(_parts(document))


def check_parts(parts: Parts) -> list[Problem]:
    """Every problem of a document that was read part by part, in document order.

    The values of a broken part have no type, and what depends on them is passed over.
    """
    checker = _Checker(parts)
    checker.run()
    return checker.in_document_order()


def _parts(document: "Document") -> Parts:
    return Parts(document.inputs, document.parameters, document.nodes, document.outputs, document.functions)


class _Checker:
    """One pass over a document.

    A node whose operands could not be typed is passed over, so that one fault is one problem.
    """

    def __init__(self, parts: Parts, functions: Mapping[str, LinkedFunction] | None = None) -> None:
        self.parts = parts
        self._is_body = functions is not None
        self._functions: Mapping[str, LinkedFunction] = {} if functions is None else functions
        self.types: dict[str, TensorType] = {}
        self.problems: list[Problem] = list(parts.problems)
        self._untyped: set[str] = set()
        self._broken: set[str] = set()
        self._parameters: dict[str, Parameter] = {}
        self._sources: dict[str, TensorType] = {}
        self._names: set[str] = set()
        self._loss_scale_id: str | None = None
        self._symbols: set[str] = set()
        self._inference = Inference()

    def run(self) -> None:
        parts = self.parts
        if parts.functions and not self._is_body:
            self._check_functions()
        for index, item in enumerate(parts.inputs):
            self._input(item, f"/inputs/{index}")
        for index, item in enumerate(parts.parameters):
            self._parameter(item, f"/parameters/{index}")
        self._symbols = set(self._known_symbols())
        check = interruption.get()
        for index, node in enumerate(parts.nodes):
            if check is not None:
                check()
            self._node(self._linked(node) if isinstance(node, Call) else node, index)
        for index, item in enumerate(parts.outputs):
            self._output(item, f"/outputs/{index}")
        self._input_roles()

    def in_document_order(self) -> list[Problem]:
        """The problems, sorted by the part that they concern."""
        return sorted(self.problems, key=_place)

    def _report(self, pointer: str, code: str, message: str) -> None:
        self.problems.append(Problem(pointer, code, message))

    def _declare(self, name: str, kind: str, pointer: str) -> bool:
        if name in self.types or name in self._untyped or name in self._broken:
            self._report(f"{pointer}/id", "duplicate_id", f"{kind} {show_value(name)}: the id is taken; ids are unique")
            return False
        return True

    def _broken_part(self, part: Broken, kind: str, pointer: str) -> None:
        self.problems.extend(part.problems)
        owner = kind if part.name is None else f"{kind} {show_value(part.name)}"
        for where, reference in part.references:
            self._exists(reference, pointer + where, owner)
        if kind == "output":
            if part.name is not None:
                self._declare_output(part.name, pointer)
        elif part.name is not None and self._declare(part.name, kind, pointer):
            self._broken.add(part.name)

    def _input(self, item: Input | Broken, pointer: str) -> None:
        if isinstance(item, Broken):
            self._broken_part(item, "input", pointer)
            return
        if not self._declare(item.id, "input", pointer) or self._exceeds(item, "input", pointer):
            return
        self.types[item.id] = self._sources[item.id] = item.type
        for axis, dim in enumerate(item.shape):
            if not isinstance(dim, SymbolicDim) and dim < 0:
                self._report(
                    f"{pointer}/shape/{axis}", "invalid_value", f'input "{item.id}": a dim is at least 0, not {dim}'
                )
        if isinstance(item.role, RngKeyRole) and item.type != TensorType(DType.UINT32, (2,)):
            where = f"{pointer}/{'dtype' if item.dtype is not DType.UINT32 else 'shape'}"
            self._report(where, "type_mismatch", f'input "{item.id}" {item.type}: a random key is uint32[2]')

        if isinstance(item.role, LossScaleRole):
            self._loss_scale(item, pointer)

    def _loss_scale(self, item: Input, pointer: str) -> None:
        if not item.dtype.is_floating or item.shape:
            where = f"{pointer}/{'shape' if item.dtype.is_floating else 'dtype'}"
            self._report(
                where,
                "type_mismatch",
                f'input "{item.id}" {item.type}: a loss scale is a floating-point number of rank 0',
            )
        if self._loss_scale_id is not None:
            message = (
                f'the inputs "{self._loss_scale_id}" and "{item.id}" both have the role loss_scale; a document has at '
                "most one"
            )
            self._report(f"{pointer}/role", "duplicate_role", message)
        self._loss_scale_id = item.id

    def _parameter(self, item: Parameter | Broken, pointer: str) -> None:
        if isinstance(item, Broken):
            self._broken_part(item, "parameter", pointer)
            return
        if not self._declare(item.id, "parameter", pointer) or self._exceeds(item, "parameter", pointer):
            return
        self.types[item.id] = self._sources[item.id] = item.type
        self._parameters[item.id] = item
        for field, fault in _parameter_faults(item):
            self._report(f"{pointer}/{field}", "invalid_value", f'parameter "{item.id}" {item.type}: {fault}')

    def _exceeds(self, item: Input | Parameter, kind: str, pointer: str) -> bool:
        excess = item.type.excess
        if excess is None:
            return False
        self._report(f"{pointer}/shape", "invalid_value", f'{kind} "{item.id}": its shape has {excess}')
        self._broken.add(item.id)
        return True

    def _node(self, node: Op | Broken, index: int) -> None:
        if isinstance(node, Broken):
            self._broken_part(node, "node", f"/nodes/{index}")
            return
        types = self.types
        # The usual case, which must be quick: everything is known and in order.
        if node.id not in types and node.id not in self._untyped and node.id not in self._broken:
            try:
                results = self._inference(node, tuple(map(types.__getitem__, node.inputs)))
            except (KeyError, RuleError):
                pass
            else:
                if len(results) == 1:
                    types[node.id] = results[0]
                else:
                    types.update(zip(node.references(), results, strict=True))
                if node.attributes and not self._symbols.issuperset(node.symbols()):
                    self._undetermined(node, f"/nodes/{index}")
                return
        self._faulty_node(node, f"/nodes/{index}")

    def _linked(self, node: Call) -> Call:
        """A call that holds its function exactly if that can be called."""
        name = node.function_name
        return node.model_copy(update={"function": self._functions.get(name, name)})

    def _unknown_function(self, name: str, pointer: str, owner: str) -> None:
        known = self.parts.functions
        if self.parts.whole and name not in known:
            hint = nearest(name, known if len(self.problems) < MOST_PROBLEMS else ())
            self._report(pointer, "unknown_value", f"{owner}: there is no function {show_value(name)}{hint}")

    def _check_functions(self) -> None:
        """Find what is wrong with the functions, and keep those that can be called."""
        functions = self.parts.functions
        sound = {name: item for name, item in functions.items() if isinstance(item, Function)}
        linked, faults = link_functions(sound)
        found: dict[str, list[Problem]] = {name: [] for name in functions}
        for fault in faults:
            found[fault.name].append(Problem("", fault.code, fault.message))
        callable: dict[str, LinkedFunction] = {}
        results: dict[str, list[TensorType]] = {}
        for name in [*linked, *(name for name in functions if name not in linked)]:
            item = functions[name]
            types, problems = self._body(item, callable)
            if not problems and isinstance(item, Function):
                problems = interface_problems(item, types, sound, results)
                if not problems and name in linked:
                    callable[name] = linked[name]
                    results[name] = [types[output.value] for output in item.outputs]
            found[name] += problems
        for name, problems in found.items():
            where, owner = json_pointer(["functions", name]), f"function {show_value(name)}: "
            self.problems.extend(problem.within(where, owner) for problem in problems)
        self._functions = callable

    def _body(
        self, item: Function | Parts, callable: Mapping[str, LinkedFunction]
    ) -> tuple[dict[str, TensorType], list[Problem]]:
        """The types of a function's values, and its problems, with pointers within the function."""
        if isinstance(item, Function):
            item = Parts(item.inputs, (), item.nodes, item.outputs)
        parts = item._replace(functions=self.parts.functions, whole=item.whole and self.parts.whole)
        body = _Checker(parts, callable)
        body.run()
        return body.types, body.in_document_order()

    def _known_symbols(self) -> Iterable[str]:
        """The symbols that a run finds from what it is given: those in the shapes of inputs."""
        for item in self.parts.inputs:
            if isinstance(item, Input):
                yield from chain.from_iterable(map(symbols_of, item.shape))

    def _undetermined(self, node: Op, pointer: str) -> None:
        """Report the symbols of a node that no input has, once each, unless an input that is broken may have them."""
        if not self.parts.whole or any(isinstance(item, Broken) for item in self.parts.inputs):
            return
        for name in sorted(node.symbols() - self._symbols):
            hint = nearest(name, self._symbols if len(self.problems) < MOST_PROBLEMS else ())
            message = f'node "{node.id}" ({node.name}): no input has the symbol "{name}", so that no run can know it'
            self._report(pointer, "unknown_symbol", message + hint)
            self._symbols.add(name)

    def _faulty_node(self, node: Op, pointer: str) -> None:
        fresh = self._declare(node.id, "node", pointer)
        owner = f'node "{node.id}" ({node.name})'
        if isinstance(node, Call) and isinstance(node.function, str):
            self._unknown_function(node.function, f"{pointer}/function", owner)
            self._broken.add(node.id)  # how many results it has is not known
            return
        found = [self._exists(item, f"{pointer}/inputs/{at}", owner) for at, item in enumerate(node.inputs)]
        if all(found):
            try:
                infer_node(node, [self.types[reference] for reference in node.inputs])
            except RuleError as error:
                self.problems.append(type_problem(error, node, pointer, self.types))
        if fresh:
            self._untyped.update(node.references())

    @cached_property
    def _node_ids(self) -> set[str]:
        """The ids of all nodes, sound or not. Only what is wrong with a reference asks for them."""
        return {name for node in self.parts.nodes if (name := _name(node)) is not None}

    def _exists(self, reference: str, pointer: str, owner: str) -> bool:
        """Whether a value has a type; where there is no such value at all, that is a problem."""
        if reference in self.types:
            return True
        base = node_of(reference)
        if reference in self._untyped or base in self._broken:
            return False
        declared = base in self.types or base in self._untyped
        if base in self._node_ids and not declared:
            message = (
                f"{owner}: {show_value(reference)} is not computed before it; nodes stand in topological order, each "
                "after its operands, so that there is no cycle"
            )
            self._report(pointer, "not_yet_computed", message)
        elif self.parts.whole:
            known = chain(self.types, self._untyped, self._broken)
            hint = nearest(reference, known if len(self.problems) < MOST_PROBLEMS else ())
            self._report(pointer, "unknown_value", f"{owner}: there is no value {show_value(reference)}{hint}")
        return False

    def _declare_output(self, name: str, pointer: str) -> None:
        if name in self._names:
            message = f"output {show_value(name)}: the name is taken; names of outputs are unique"
            self._report(f"{pointer}/name", "duplicate_name", message)
        self._names.add(name)

    def _output(self, item: Output | Broken, pointer: str) -> None:
        if isinstance(item, Broken):
            self._broken_part(item, "output", pointer)
            return
        self._declare_output(item.name, pointer)
        owner = f"output {show_value(item.name)}"
        typed = self._exists(item.value, f"{pointer}/value", owner)
        role = item.role
        if isinstance(role, StateUpdateRole):
            parameter = self._parameters.get(role.of)
            if parameter is None:
                self._missing(role.of, self._parameters, "parameter", f"{pointer}/role/of", owner)
            elif typed and self.types[item.value] != parameter.type:
                self._report(
                    f"{pointer}/role/of",
                    "type_mismatch",
                    f'{owner} {self.types[item.value]} updates "{role.of}" {parameter.type}; their types must be equal',
                )
        elif isinstance(role, GradientRole):
            source = self._sources.get(role.wrt)
            if source is None:
                self._missing(role.wrt, self._sources, "input or parameter", f"{pointer}/role/wrt", owner)
            elif typed:
                self._same_dtype(
                    self.types[item.value], source, role.wrt, f"{owner} is the gradient", f"{pointer}/role/wrt"
                )

    def _missing(self, name: str, known: Mapping[str, object], kind: str, pointer: str, owner: str) -> None:
        if self.parts.whole and name not in self._broken:
            hint = nearest(name, known if len(self.problems) < MOST_PROBLEMS else ())
            self._report(pointer, "unknown_value", f"{owner}: there is no {kind} {show_value(name)}{hint}")

    def _same_dtype(self, type: TensorType, primal: TensorType, name: str, what: str, pointer: str) -> None:
        # Only the dtype: a batching transform may give a derivative an axis that its primal does not have.
        if type.dtype is not primal.dtype:
            message = f"{what} {type} of {show_value(name)} {primal}; their dtypes must be equal"
            self._report(pointer, "type_mismatch", message)

    def _input_roles(self) -> None:
        outputs = {item.name: item.value for item in self.parts.outputs if isinstance(item, Output)}
        for index, item in enumerate(self.parts.inputs):
            if isinstance(item, Broken):
                continue
            role, where = item.role, f"/inputs/{index}/role/of"
            if isinstance(role, CotangentRole):
                # The output itself may have been pruned, so that a missing one is no fault.
                primal = self.types.get(outputs.get(role.of, ""))
            elif isinstance(role, TangentRole):
                primal = self._sources.get(role.of)
                if primal is None:
                    self._missing(role.of, self._sources, "input or parameter", where, f'input "{item.id}"')
            else:
                continue
            if primal is not None:
                self._same_dtype(item.type, primal, role.of, f'input "{item.id}" is the {role.kind}', where)


def _name(node: Op | Broken) -> str | None:
    return node.name if isinstance(node, Broken) else node.id


def _place(problem: Problem) -> tuple[int, int]:
    _, section, index, *_ = [*problem.pointer.split("/"), "", ""]
    order = ("", "asg", "name", "functions", "inputs", "parameters", "nodes", "outputs")
    numbered = section != "functions" and index.isdecimal()
    return (order.index(section) if section in order else len(order), int(index) if numbered else -1)


def _parameter_faults(item: Parameter) -> Iterable[tuple[str, str]]:
    """The fields of a parameter that do not fit together, each with what would be right."""
    needs_fans = isinstance(item.init, XavierUniform | XavierNormal | KaimingUniform | KaimingNormal | Orthogonal)
    if needs_fans and len(item.shape) < 2:
        yield "init", f"{item.init.kind} needs at least 2 axes, and {format_shape(item.shape)} has {len(item.shape)}"
    row = item.init.zero_row if isinstance(item.init, Normal) else None
    if row is not None and not (item.shape and row < item.shape[0]):
        size = f"{item.shape[0]} along its first axis" if item.shape else "no axis"
        yield "init", f"zero_row is {row}; an index below the size is needed, and {format_shape(item.shape)} has {size}"
    if not item.dtype.is_floating:
        if item.init.kind not in ("zeros", "ones", "constant"):
            yield "init", f"{item.init.kind} needs a floating-point dtype; zeros, ones or constant is needed here"
        if item.trainable:
            yield "trainable", 'only a floating-point parameter is trainable; write "trainable": false'
