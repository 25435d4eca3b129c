"""Writing a document whose backward part computes forward values again.

The forward part stays as it is. In the backward part each forward value that is not kept is computed again once, from
kept ones, right before its first use; what is kept comes in through a `barrier`, so that nobody who removes duplicates
takes the second computation for the first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from asg_autograd.derivative_parts import Parts
from asg_autograd.sizes import sized_by_inputs
from asg_schema.cost import VIEWS
from asg_schema.document import Document
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.control import Barrier

__all__ = ["ForwardValues", "Step", "schedule", "write"]

_LONGEST_STEM = 200
_NEAR = 64  # steps: an executor may move what is behind a barrier up to it, so one barrier does not serve all


class ForwardValues:
    """What the backward part of a document can begin with.

    Attributes:
        inputs: the ids of the document's inputs.
        definitions: the node of every value of the forward part.
        constants: the ids of the nodes that depend on neither inputs nor parameters.
        free: inputs, parameters, their views, and values that depend on neither: they are there without being kept.
        used: for each forward value that the backward part uses, the value whose elements it shows.
    """

    def __init__(self, document: Document, parts: Parts) -> None:
        forward = sized_by_inputs(parts.forward, document.types, document.inputs)
        self.definitions: dict[str, Op] = {}
        self.inputs = {item.id for item in document.inputs}
        self._parameters = {item.id for item in document.parameters}
        self._shown: dict[str, str] = {}
        self.free = self.inputs | self._parameters
        self.constants: set[str] = set()
        constant: set[str] = set()
        for node in forward:
            references = node.references()
            self.definitions.update(dict.fromkeys(references, node))
            if type(node) in VIEWS:
                self._shown[node.id] = self.shown(node.inputs[0])
            if self.shown(node.id) in self.free:
                self.free.add(node.id)
            if all(reference in constant for reference in node.inputs):
                constant.update(references)
                self.constants.add(node.id)
                self.free.update(references)
        reads = dict.fromkeys(reference for node in parts.backward for reference in node.inputs)
        self.used = {
            reference: self.shown(reference)
            for reference in reads
            if reference in self.definitions and reference not in self.free
        }

    def shown(self, reference: str) -> str:
        """The value whose elements a chain of views shows; a value that is no view is itself that."""
        return self._shown.get(reference, reference)

    def is_input(self, reference: str) -> bool:
        """Whether a value is an input of the document or a view of one."""
        return self.shown(reference) in self.inputs

    def is_parameter(self, reference: str) -> bool:
        """Whether a value is a parameter of the document or a view of one."""
        return self.shown(reference) in self._parameters


class Step(NamedTuple):
    """A node of the backward part.

    Attributes:
        node: the node as the document has it.
        again: whether it is a node of the forward part that is computed again.
    """

    node: Op
    again: bool


def schedule(
    nodes: Iterable[Op], definitions: Mapping[str, Op], there: Collection[str], wanted: Sequence[str] = ()
) -> list[Step]:
    """The backward part, and in it each forward node that is computed again right before its first use.

    Args:
        nodes: the backward part.
        definitions: the node of every value of the forward part.
        there: the values that need not be computed again.
        wanted: forward values that are needed behind the backward part.
    """
    done: set[str] = set()
    steps: list[Step] = []
    for node in nodes:
        steps.extend(Step(needed, True) for needed in _missing(node.inputs, definitions, there, done))
        steps.append(Step(node, False))
    steps.extend(Step(needed, True) for needed in _missing(wanted, definitions, there, done))
    return steps


def _missing(
    references: Sequence[str], definitions: Mapping[str, Op], there: Collection[str], done: set[str]
) -> Iterator[Op]:
    """The forward nodes that have to be computed again for some values, operands first. They are then `done`."""
    waiting = [(reference, False) for reference in reversed(references)]
    while waiting:
        reference, ready = waiting.pop()
        definition = definitions.get(reference)
        if definition is None or definition.id in done or reference in there:
            continue
        if ready:
            done.add(definition.id)
            yield definition
        else:
            waiting.append((reference, True))
            waiting.extend((operand, False) for operand in reversed(definition.inputs))


def write(document: Document, parts: Parts, values: ForwardValues, kept: frozenset[str]) -> Document:
    """The document with the backward part that `schedule` says. Its forward nodes come first and unchanged."""
    writer = _Writer(document, values, kept)
    writer.result.nodes.extend(parts.forward)
    for step in schedule(parts.backward, values.definitions, values.free | kept):
        writer.step(step)
    return writer.finished()


class _Writer:
    """The nodes of the result. Each has the types of the node that it is or repeats, so none is inferred again."""

    def __init__(self, document: Document, values: ForwardValues, kept: Collection[str]) -> None:
        self.document = document
        self.values = values
        self.kept = kept
        self.result: Editor = Editor()
        self.result.types.update(document.types)  # so that no id is given twice
        self.again: dict[str, str] = {}
        self.barriers: dict[str, tuple[str, int]] = {}
        self.steps = 0

    def step(self, step: Step) -> None:
        """Append a node of the backward part, behind barriers where it reads what is kept."""
        self.steps += 1
        node = step.node
        inputs = self._operands(node)
        if step.again:
            id = self._fresh("recompute", node.id, node.name)
            copy = node.model_copy(update={"id": id, "inputs": inputs})
            self.again.update(zip(node.references(), copy.references(), strict=True))
            self._append(copy, node.references())
        else:
            self._append(node if inputs == node.inputs else node.model_copy(update={"inputs": inputs}))

    def _append(self, node: Op, origin: Sequence[str] = ()) -> None:
        types = self.result.types
        self.result.nodes.append(node)
        if origin:
            types.update(zip(node.references(), (types[reference] for reference in origin), strict=True))

    def _operands(self, node: Op) -> tuple[str, ...]:
        """What a node reads in the result."""
        behind = set(filter(self._comes_in, node.inputs))
        if not behind and type(node) not in VIEWS and all(item in self.values.free for item in node.inputs):
            # What is computed of parameters alone is a duplicate, too.
            behind = set(filter(self.values.is_parameter, node.inputs))
        return tuple(
            self._barrier(reference) if reference in behind else self.again.get(reference, reference)
            for reference in node.inputs
        )

    def _comes_in(self, reference: str) -> bool:
        return reference in self.kept or self.values.is_input(reference)

    def _barrier(self, reference: str) -> str:
        """A value behind a barrier that stands near."""
        id, place = self.barriers.get(reference, ("", -_NEAR))
        if self.steps - place >= _NEAR:
            id = self._fresh("kept", reference.replace(":", "."), "value")
            self._append(Barrier(id=id, inputs=(reference,)), (reference,))
            self.barriers[reference] = id, self.steps
        return id

    def _fresh(self, scope: str, stem: str, name: str) -> str:
        return self.result.fresh_id(f"{scope}.{stem if len(stem) <= _LONGEST_STEM else name}")

    def finished(self) -> Document:
        """The document, with the types of the nodes that it has."""
        document, types = self.document, self.result.types
        references = [item.id for item in (*document.inputs, *document.parameters)]
        references.extend(reference for node in self.result.nodes for reference in node.references())
        result = Document.model_construct(
            asg=document.asg,
            name=document.name,
            inputs=document.inputs,
            parameters=document.parameters,
            nodes=tuple(self.result.nodes),
            outputs=document.outputs,
            functions=document.functions,
            metadata=document.metadata,
        )
        object.__setattr__(result, "types", {reference: types[reference] for reference in references})
        return result
