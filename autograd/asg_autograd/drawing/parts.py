"""The parts of a document that a drawing keeps apart: the program itself, and one part for each derivative of it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from asg_autograd.derivative_parts import derivative_parts, is_seed
from asg_autograd.errors import TransformError
from asg_schema.document import Document, Output
from asg_schema.op import Op
from asg_schema.traversal import node_of, prune

__all__ = ["Part", "PartedDocument", "parted", "without_prefix"]

_PREFIX = re.compile(r"(grad|cotangent|tangent)(\d*)[./]")
_KINDS = {"grad": "gradient", "cotangent": "gradient", "tangent": "tangent"}


class Part(NamedTuple):
    """One part of a drawing.

    Attributes:
        kind: "forward", "gradient" or "tangent".
        label: what to call it.
        upwards: whether it is drawn from bottom to top. So a gradient stands beside what it is the gradient of.
    """

    kind: str
    label: str
    upwards: bool


class PartedDocument(NamedTuple):
    """A document whose values belong to parts.

    Attributes:
        parts: the parts; the forward part is the first, and each depends on earlier ones alone.
        values: the number of the part of each input, parameter and node, by id.
        outputs: the number of the part of each output, by name.
    """

    parts: tuple[Part, ...]
    values: Mapping[str, int]
    outputs: Mapping[str, int]


def without_prefix(path: str) -> str:
    """A path in a derivative's part without what says that it is there: `block.add` for `grad.block.add`."""
    match = _PREFIX.match(path)
    return path[match.end() :] if match else path


def parted(document: Document) -> PartedDocument:
    """The parts of a valid document. What no output needs belongs to the forward part."""
    derivatives = _derivatives(document)
    values = dict.fromkeys([item.id for item in (*document.inputs, *document.parameters)], 0)
    values.update((node.id, 0) for node in document.nodes)
    for number, nodes in enumerate(derivatives, 1):
        values.update((node.id, number) for node in nodes)
    values.update(_seeds(document, values))
    parts = [Part("forward", "forward", upwards=False)]
    for nodes in derivatives:
        parts.append(_part(nodes, parts))
    return PartedDocument(tuple(parts), values, {item.name: _of_output(item, values) for item in document.outputs})


def _derivatives(document: Document) -> list[tuple[Op, ...]]:
    """The nodes that are there for derivatives, those of the first order first."""
    found: list[tuple[Op, ...]] = []
    while True:
        try:
            parts = derivative_parts(document)
        except TransformError:  # none is left
            return found[::-1]
        found.append(parts.backward)
        document = prune(document, [item.name for item in document.outputs if item.name in parts.outputs])


def _seeds(document: Document, values: Mapping[str, int]) -> dict[str, int]:
    """The parts of cotangents, tangents and loss scales that come in: where they are first used."""
    given = {item.id for item in document.inputs if is_seed(item)}
    first: dict[str, int] = {}
    for node in document.nodes if given else ():
        for reference in node.inputs:
            if reference in given:
                first[reference] = min(first.get(reference, values[node.id]), values[node.id])
    return first


def _part(nodes: Iterable[Op], before: list[Part]) -> Part:
    prefixes = Counter(match[1] for node in nodes if (match := _PREFIX.match(node.id)))
    kind = _KINDS[prefixes.most_common(1)[0][0]] if prefixes else "gradient"
    earlier = sum(part.kind == kind for part in before)
    return Part(kind, f"{kind} {earlier + 1}" if earlier else kind, upwards=kind == "gradient" and not earlier)


def _of_output(output: Output, values: Mapping[str, int]) -> int:
    return values[node_of(output.value)]
