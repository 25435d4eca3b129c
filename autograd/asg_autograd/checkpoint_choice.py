"""Choosing what to keep: which forward values, so that little memory is held and little is computed again.

The forward part is taken as a chain of segments. A cut between two nodes has a price, the bytes that cross it; a
segment has one, the bytes that its backward pass uses, which are held while it runs. For a bound on the second, dynamic
programming over the order of the nodes finds the cuts with the least first. Several bounds are tried and measured; what
the budget then leaves is spent on the values that save the most arithmetic for a byte.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from asg_autograd.derivative_parts import Parts
from asg_autograd.errors import TransformError
from asg_autograd.recomputation import ForwardValues, schedule
from asg_autograd.static_cost import StaticCost
from asg_schema.cost import VIEWS

__all__ = ["choose"]

_RATIO = 1.5  # between the bounds on segments for which cuts are sought
_MOST_BOUNDS = 32
_MOST_MEASURED = 6  # of them, those of the least price
_MOST_FILLED = 3  # of them, those on which a budget's rest is spent
_ROUNDS = 6  # in which it is spent


class _Choice(NamedTuple):
    """Values to keep.

    Attributes:
        kept: their references.
        held: the most bytes that are held while the backward part runs.
        operations: what is computed again.
    """

    kept: frozenset[str]
    held: int
    operations: int


def choose(parts: Parts, values: ForwardValues, cost: StaticCost, budget: int | None) -> frozenset[str]:
    """The forward values to keep.

    Args:
        parts: the parts of the document.
        values: what the backward part can begin with.
        cost: the bytes and operations for given sizes.
        budget: the most bytes of forward values, kept or computed again, at one time while the backward part runs.
            None: as few as are found.

    Raises:
        TransformError: no choice was found that keeps within the budget.
    """
    search = _Search(parts, values, cost)
    everything = search.measure(frozenset(values.used.values()))
    if budget is not None and everything.held <= budget:
        return everything.kept
    choices = [everything, *map(search.measure, search.cuttings())]
    least = min(choice.held for choice in choices)
    if budget is not None and least > budget:
        raise TransformError(
            f"budget: {budget:,} bytes are not enough for the forward values that the backward part holds at one time; "
            f"the least that was found is {least:,}, and everything that it uses takes {everything.held:,}"
        )
    bound = least if budget is None else budget
    fitting = sorted((choice for choice in choices if choice.held <= bound), key=lambda choice: choice.operations)
    filled = [search.fill(choice, bound) for choice in fitting[:_MOST_FILLED]]
    return min(filled, key=lambda choice: (choice.operations, choice.held)).kept


class _Search:
    """The forward part as a chain of nodes: those that would be computed again if nothing were kept."""

    def __init__(self, parts: Parts, values: ForwardValues, cost: StaticCost) -> None:
        self.values = values
        steps = schedule(parts.backward, values.definitions, values.free)
        needed = {step.node.id for step in steps if step.again}
        self.nodes = [values.definitions[node.id] for node in parts.forward if node.id in needed]
        self.work = {node.id: cost.operations(node) for node in self.nodes}
        self.made: dict[str, int] = {}  # the place of the node that makes a value
        self.last: dict[str, int] = {}  # the place of the last node that reads it
        for place, node in enumerate(self.nodes):
            self.last.update((reference, place) for operand in node.inputs if (reference := self._shown(operand)))
            if type(node) not in VIEWS:
                self.made.update(dict.fromkeys(node.references(), place))
        self.results = [() if type(node) in VIEWS else node.references() for node in self.nodes]
        self.bytes = {reference: cost.bytes(reference) for reference in self.made}
        self.views = {node.id: place for place, node in enumerate(self.nodes) if type(node) in VIEWS}
        self.operands = [self._needed(node.inputs) for node in self.nodes]
        self.readers = [needed for node in parts.backward if (needed := self._needed(node.inputs))]
        self.crossing = self._crossing()
        self.used = self._used()

    def _shown(self, operand: str) -> str | None:
        reference = self.values.shown(operand)
        return reference if reference in self.made else None

    def _needed(self, references: Sequence[str]) -> tuple[str, ...]:
        """Those of the references that are kept or computed again, each once."""
        return tuple(dict.fromkeys(item for item in references if item in self.made or item in self.views))

    def _crossing(self) -> list[int]:
        """For each place the bytes that nodes before it make and nodes from it on read."""
        changes = [0] * (len(self.nodes) + 1)
        for reference, place in self.made.items():
            if reference in self.last:
                changes[place + 1] += self.bytes[reference]
                changes[self.last[reference] + 1] -= self.bytes[reference]
        return list(accumulate(changes))

    def _used(self) -> list[int]:
        """For each place the bytes that nodes before it make and the backward part uses."""
        made = [0] * (len(self.nodes) + 1)
        for reference in set(self.values.used.values()):
            made[self.made[reference] + 1] += self.bytes[reference]
        return list(accumulate(made))

    def measure(self, kept: frozenset[str]) -> _Choice:
        """What keeping these values takes.

        This is `schedule`, and what is alive after each of its steps, written for speed: it runs some twenty times.
        """
        steps: list[tuple[int, tuple[str, ...]]] = []  # a node that is computed again, or -1, and what it reads
        done = bytearray(len(self.nodes))
        for reads in self.readers:
            waiting = [(reference, False) for reference in reversed(reads)]
            while waiting:
                reference, ready = waiting.pop()
                place = self.made[reference] if reference in self.made else self.views[reference]
                if done[place] or reference in kept:
                    continue
                if ready:
                    done[place] = True
                    steps.append((place, self.operands[place]))
                else:
                    waiting.append((reference, True))
                    waiting.extend((operand, False) for operand in reversed(self.operands[place]))
            steps.append((-1, reads))
        again = sum(self.work[self.nodes[place].id] for place, _ in steps if place >= 0)
        return _Choice(kept, self._held(steps, kept), again)

    def _held(self, steps: Sequence[tuple[int, tuple[str, ...]]], kept: frozenset[str]) -> int:
        """The most bytes of forward values, kept or computed again, at one time."""
        shown = self.values.shown
        last = {shown(reference): number for number, (_, reads) in enumerate(steps) for reference in reads}
        dying = [0] * len(steps)
        for reference, number in last.items():
            dying[number] += self.bytes[reference]
        now = most = sum(self.bytes[reference] for reference in kept if reference in last)
        for number, (place, _) in enumerate(steps):
            if place >= 0:
                made = self.results[place]
                now += sum(self.bytes[reference] for reference in made if reference in last and reference not in kept)
                most = max(most, now)
            now -= dying[number]
        return most

    def cuttings(self) -> list[frozenset[str]]:
        """What there is to keep for cuts into segments of at most so many bytes, for several bounds.

        The price of one is what crosses the cuts and what a segment uses, which are about what is held at one time.
        """
        bound, least = float(self.used[-1]), float(max(self.bytes.values(), default=0))
        found: list[tuple[float, list[int]]] = []
        while bound > least and len(found) < _MOST_BOUNDS:
            bound /= _RATIO
            price, cuts = self._cuts(bound)
            found.append((price + bound, cuts))
        found.sort(key=lambda item: item[0])
        return [self._kept_at(cuts) for _, cuts in found[:_MOST_MEASURED]]

    def _cuts(self, bound: float) -> tuple[int, list[int]]:
        """The places that cut the chain into segments that use at most `bound` bytes, with the fewest bytes crossing.

        Before them how many bytes cross.

        A node that uses more by itself is a segment of its own.
        """
        best, before = [0], [0]
        window: deque[int] = deque([0])  # places to cut before, their prices increasing
        for place in range(1, len(self.nodes) + 1):
            while len(window) > 1 and self.used[place] - self.used[window[0]] > bound:
                window.popleft()
            before.append(window[0])
            best.append(best[window[0]] + self.crossing[place])
            while window and best[window[-1]] >= best[place]:
                window.pop()
            window.append(place)
        cuts: list[int] = []
        place = before[-1]
        while place:
            cuts.append(place)
            place = before[place]
        cuts.reverse()
        return best[-1], cuts

    def _kept_at(self, cuts: Sequence[int]) -> frozenset[str]:
        """What crosses a cut, and what the backward part uses of the last segment, with which it begins."""
        kept: set[str] = set()
        for reference, place in self.made.items():
            following = bisect_right(cuts, place)
            if following < len(cuts) and cuts[following] <= self.last.get(reference, -1):
                kept.add(reference)
        start = cuts[-1] if cuts else 0
        kept.update(reference for reference in self.values.used.values() if self.made[reference] >= start)
        return frozenset(kept)

    def fill(self, choice: _Choice, bound: int) -> _Choice:
        """The choice with more values kept, those first that save the most for a byte, within a bound on what is held.

        To keep one value more adds at most its own bytes to what is held; where it adds less, the next round uses it.
        """
        order = sorted(self.made, key=lambda reference: self._work(reference) / max(self.bytes[reference], 1))
        order.reverse()
        for _ in range(_ROUNDS):
            left, added = bound - choice.held, set[str]()
            for reference in order:
                if self._work(reference) and reference not in choice.kept and self.bytes[reference] <= left:
                    left -= self.bytes[reference]
                    added.add(reference)
            better = self.measure(choice.kept | added) if added else choice
            if better.operations >= choice.operations:
                return choice
            choice = better
        return choice

    def _work(self, reference: str) -> int:
        """What computing a value again takes, without what it is computed from."""
        return self.work[self.nodes[self.made[reference]].id]
