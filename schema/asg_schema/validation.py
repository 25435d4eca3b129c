"""Checking a document whole: every problem is found, each with its JSON Pointer, not just the first."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from asg_schema.dims import SymbolicDim
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError, Problem, RuleError
from asg_schema.inference import infer_node, type_problem
from asg_schema.initializers import KaimingNormal, KaimingUniform, Orthogonal, XavierNormal, XavierUniform
from asg_schema.op import Op
from asg_schema.roles import CotangentRole, GradientRole, RngKeyRole, StateUpdateRole, TangentRole
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

if TYPE_CHECKING:
    from asg_schema.document import Document, Input, Output, Parameter

__all__ = ["check_types", "document_problems"]


def check_types(document: "Document") -> dict[str, TensorType]:
    """The type of every value of a document.

    Raises:
        DocumentError: with every problem of the document.
    """
    checker = _Checker(document)
    checker.run()
    if checker.problems:
        raise DocumentError(checker.problems)
    return checker.types


def document_problems(document: "Document") -> list[Problem]:
    """Every problem of a document, in document order; none for a valid one."""
    checker = _Checker(document)
    checker.run()
    return checker.problems


class _Checker:
    """One pass over a document.

    A node whose operands could not be typed is passed over, so that one fault is one problem.
    """

    def __init__(self, document: "Document") -> None:
        self.document = document
        self.types: dict[str, TensorType] = {}
        self.problems: list[Problem] = []
        self.untyped: set[str] = set()

    def run(self) -> None:
        for index, item in enumerate(self.document.inputs):
            self._input(item, f"/inputs/{index}")
        for index, item in enumerate(self.document.parameters):
            self._parameter(item, f"/parameters/{index}")
        later = {node.id for node in self.document.nodes}
        for index, node in enumerate(self.document.nodes):
            self._node(node, f"/nodes/{index}", later)
        names: set[str] = set()
        for index, item in enumerate(self.document.outputs):
            self._output(item, f"/outputs/{index}", names)
        self._input_roles()

    def _report(self, pointer: str, code: str, message: str) -> None:
        self.problems.append(Problem(pointer, code, message))

    def _declare(self, reference: str, kind: str, pointer: str) -> bool:
        if reference in self.types or reference in self.untyped:
            self._report(
                f"{pointer}/id", "duplicate_id", f'{kind} "{reference}": the id "{reference}" is taken; ids are unique'
            )
            return False
        return True

    def _input(self, item: "Input", pointer: str) -> None:
        if not self._declare(item.id, "input", pointer):
            return
        self.types[item.id] = item.type
        for axis, dim in enumerate(item.shape):
            if not isinstance(dim, SymbolicDim) and dim < 0:
                self._report(
                    f"{pointer}/shape/{axis}", "invalid_value", f'input "{item.id}": a dim is at least 0, not {dim}'
                )
        if isinstance(item.role, RngKeyRole) and item.type != TensorType(DType.UINT32, (2,)):
            self._report(pointer, "type_mismatch", f'input "{item.id}" {item.type}: a random key is uint32[2]')

    def _parameter(self, item: "Parameter", pointer: str) -> None:
        if not self._declare(item.id, "parameter", pointer):
            return
        self.types[item.id] = item.type
        needs_fans = isinstance(item.init, XavierUniform | XavierNormal | KaimingUniform | KaimingNormal | Orthogonal)
        if needs_fans and len(item.shape) < 2:
            self._report(
                f"{pointer}/init",
                "invalid_value",
                f'parameter "{item.id}" {item.type}: {item.init.kind} needs at least 2 axes',
            )
        if not item.dtype.is_floating and item.init.kind not in ("zeros", "ones", "constant"):
            self._report(
                f"{pointer}/init",
                "invalid_value",
                f'parameter "{item.id}" {item.type}: {item.init.kind} needs a floating-point dtype; zeros, ones or '
                "constant is needed here",
            )
        if item.trainable and not item.dtype.is_floating:
            self._report(
                f"{pointer}/trainable",
                "invalid_value",
                f'parameter "{item.id}" {item.type}: only a floating-point parameter is trainable; write '
                '"trainable": false',
            )

    def _node(self, node: Op, pointer: str, later: set[str]) -> None:
        fresh = self._declare(node.id, "node", pointer)
        known = True
        for index, reference in enumerate(node.inputs):
            if reference in self.types:
                continue
            known = False
            if reference not in self.untyped:
                where = f"{pointer}/inputs/{index}"
                self._unknown(reference, where, f'node "{node.id}" ({node.name})', later)
        results: Iterable[TensorType] = ()
        if known:
            try:
                results = infer_node(node, [self.types[reference] for reference in node.inputs])
            except RuleError as error:
                self.problems.append(type_problem(error, node, pointer, self.types))
                known = False
        if not fresh:
            return
        if known:
            self.types.update(zip(node.references(), results, strict=True))
        else:
            self.untyped.update(node.references())

    def _unknown(self, reference: str, pointer: str, owner: str, later: set[str]) -> None:
        if reference.partition(":")[0] in later and reference.partition(":")[0] not in self.types:
            message = (
                f'{owner}: "{reference}" is not computed before it; nodes stand in topological order, each after its '
                "operands, so that there is no cycle"
            )
            self._report(pointer, "not_yet_computed", message)
            return
        known = [*self.types, *self.untyped]
        self._report(pointer, "unknown_value", f'{owner}: there is no value "{reference}"{nearest(reference, known)}')

    def _output(self, item: "Output", pointer: str, names: set[str]) -> None:
        if item.name in names:
            self._report(f"{pointer}/name", "duplicate_name", f'output "{item.name}": the name is taken')
        names.add(item.name)
        if item.value not in self.types:
            if item.value not in self.untyped:
                self._unknown(item.value, f"{pointer}/value", f'output "{item.name}"', set())
            return
        role = item.role
        if isinstance(role, StateUpdateRole):
            self._state_update(item, role, pointer)
        elif isinstance(role, GradientRole) and role.wrt not in self.types:
            self._unknown(role.wrt, f"{pointer}/role/wrt", f'output "{item.name}"', set())

    def _state_update(self, item: "Output", role: StateUpdateRole, pointer: str) -> None:
        parameters = {parameter.id: parameter for parameter in self.document.parameters}
        parameter = parameters.get(role.of)
        where = f"{pointer}/role/of"
        if parameter is None:
            message = f'output "{item.name}": there is no parameter "{role.of}"{nearest(role.of, parameters)}'
            self._report(where, "unknown_value", message)
        elif self.types[item.value] != parameter.type:
            message = (
                f'output "{item.name}" {self.types[item.value]} updates "{role.of}" {parameter.type}: types differ'
            )
            self._report(where, "type_mismatch", message)

    def _input_roles(self) -> None:
        outputs = {output.name: output.value for output in self.document.outputs}
        for index, item in enumerate(self.document.inputs):
            role = item.role
            if isinstance(role, CotangentRole):
                primal = self.types.get(outputs.get(role.of, ""))
            elif isinstance(role, TangentRole):
                primal = self.types.get(role.of)
            else:
                continue
            where = f"/inputs/{index}/role/of"
            if primal is not None and primal != item.type:
                message = f'input "{item.id}" {item.type} is the {role.kind} of "{role.of}" {primal}: types differ'
                self._report(where, "type_mismatch", message)
