"""Which forward values a backward document is given, so that they are few bytes and the rest is cheap to compute."""

from collections.abc import Iterable
from math import prod
from typing import cast

from asg_autograd.derivative_parts import Parts
from asg_autograd.recomputation import ForwardValues
from asg_autograd.static_cost import StaticCost
from asg_schema.cost import VIEWS
from asg_schema.op import Op
from asg_schema.ops.creation import DimSize

__all__ = ["choose_residuals"]

_CHEAP = 32  # operations for each element of a chain's results; a product of matrices takes hundreds
_RANDOM = 128  # beside them for random bits, which are made of a key of 8 bytes


def choose_residuals(parts: Parts, values: ForwardValues, wanted: Iterable[str], cost: StaticCost) -> list[str]:
    """The forward values to pass from one document to the other, in the order in which they are made.

    A value that is needed is computed again where that is cheap, from others that are needed anyway, or from operands
    that are fewer bytes. So of x and gelu(x) only x is passed, of x and its transposition one of the two, of a mask and
    the numbers that it was made of the mask, and random bits are made again from their key. An input is passed, too,
    under its own name, and counts its bytes; parameters are there.

    Args:
        parts: the parts of the document.
        values: the forward values.
        wanted: references that are needed, of any values.
        cost: bytes and operations.
    """
    choice = _Choice(parts, values, cost)
    needed, there = choice.reduce(wanted)
    needed, _ = choice.reduce(choice.exchange(needed, there))
    return [reference for node in choice.nodes for reference in node.references() if reference in needed]


class _Choice:
    """Passes over the forward nodes, each linear.

    Attributes:
        nodes: the forward nodes.
        work: for each the operations that an element of its results takes.
    """

    def __init__(self, parts: Parts, values: ForwardValues, cost: StaticCost) -> None:
        self.values = values
        self.cost = cost
        self.nodes = [values.definitions[node.id] for node in parts.forward]
        self.work = {node.id: self._work(node) for node in self.nodes}

    def _work(self, node: Op) -> float:
        if type(node) in VIEWS or node.id in self.values.constants:
            return 0
        shapes = [cast("tuple[int, ...]", self.cost.type(reference).shape) for reference in node.references()]
        work = self.cost.operations(node) / max(1, sum(map(prod, shapes)))
        return max(0, work - _RANDOM) if node.family() == "random" else work

    def _operands(self, node: Op) -> set[str]:
        """What a node reads that has to be passed or computed again. A size can be asked of any input."""
        if isinstance(node, DimSize) and node.inputs[0] in self.values.inputs:
            return set()
        return {item for item in node.inputs if item in self.values.definitions or item in self.values.inputs}

    def reduce(self, wanted: Iterable[str]) -> tuple[set[str], dict[str, float]]:
        """Of what is wanted, first to last, what does not follow cheaply from the others.

        Beside it all that does follow, with what the longest chain of operations to it takes for an element.
        """
        wanted = set(wanted)
        needed = wanted & self.values.inputs
        there: dict[str, float] = dict.fromkeys(needed, 0)
        for node in self.nodes:
            references, operands = node.references(), self._operands(node)
            if operands <= there.keys():
                work = self.work[node.id] + max((there[reference] for reference in operands), default=0)
                if work <= _CHEAP:
                    there.update(dict.fromkeys(references, work))
                    continue
            found = wanted.intersection(references)
            needed.update(found)
            there.update(dict.fromkeys(found, 0))
        return needed, there

    def exchange(self, needed: set[str], there: dict[str, float]) -> set[str]:
        """What is needed, last to first, with results exchanged for operands that are fewer bytes.

        Args:
            needed: what is needed.
            there: what follows cheaply from it, as `reduce` has it.
        """
        needed, there = set(needed), dict(there)
        for node in reversed(self.nodes):
            results, operands = needed.intersection(node.references()), self._operands(node)
            work = self.work[node.id] + max((there.get(reference, 0) for reference in operands), default=0)
            if not results or work > _CHEAP:
                continue
            more = operands.difference(there)  # "- there.keys()" would go through all of them
            saved, added = sum(map(self.cost.bytes, results)), sum(map(self.cost.bytes, more))
            # Of as many bytes others may be made, too, where it is a view or random bits.
            if added < saved or (added == saved and (type(node) in VIEWS or node.family() == "random")):
                needed -= results
                needed |= more
                there.update(dict.fromkeys(more, 0))
        return needed
