"""`Passes`: in which pass over a row each value of a fused kernel is computed, and what is kept from pass to pass.

A reduction over the row ends a pass: what depends on it can only be computed in the next one. A value that a later pass
needs again is read back where it was stored anyway; kept in a scratch row where it is dear; and else computed anew.
"""

from collections.abc import Iterable

from asg_executor.engines.native.fused.body import Accumulation, Apply, Body, Literal, Load, Reduce, Store, Value
from asg_schema.dtype import DType

__all__ = ["Passes", "operation_weight"]

_CHEAP = frozenset(
    {
        *("add", "subtract", "multiply", "negative", "abs", "where", "maximum", "minimum", "astype", "stop_gradient"),
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not"),
        *("floor", "ceil", "round", "sum", "prod", "max", "min", "reshape"),
    }
)
_DEAR = 16  # as many cheap operations any other one counts for
_MOST_AGAIN = 6  # cheap operations and loads that are rather done again than kept
_ALIGNMENT = 64


class Passes:
    """How the passes of a fused kernel share its work.

    Attributes:
        of_rows: for each value, whether it is a row value.
        first: for each value, the first pass in which it can be computed; a row value, before which pass.
        count: how many passes over the elements of a row there are.
        stored: the element values that are stored before the last pass, each with its store.
        kept: the element values that are kept in scratch rows, each with the byte at which its row begins.
        scratch_bytes: the memory for the scratch rows.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.of_rows: list[bool] = []
        self.first: list[int] = []
        self._costs: list[int] = []
        for value in body.values:
            self._enter(value)
        self._roots = self._element_roots()
        self.count = 1 + max((number for number, _ in self._roots), default=-1)
        self.stored = {
            store.value: store
            for store in body.stores
            if not store.late
            and store.along_row
            and not self.of_rows[store.value]
            and store.dtype is body.values[store.value].dtype
        }
        self.kept: dict[int, int] = {}
        self.scratch_bytes = 0
        for number in reversed(range(self.count)):
            self._keep_for(number)

    def _enter(self, value: Value) -> None:
        match value:
            case Literal():
                entry = True, 0, 0
            case Load():
                entry = not any(value.row_strides), 0, 1
            case Reduce():
                entry = True, self.first[value.operand] + 1, 0
            case Apply():
                of_rows = all(self.of_rows[operand] for operand in value.operands)
                first = max((self.first[operand] for operand in value.operands), default=0)
                own = operation_weight(value.op)
                cost = own + sum(self._costs[operand] for operand in value.operands if not self.of_rows[operand])
                entry = of_rows, first, cost
        self.of_rows.append(entry[0])
        self.first.append(entry[1])
        self._costs.append(entry[2])

    def _element_roots(self) -> list[tuple[int, int]]:
        """The pass in which each element value is wanted that a reduction, accumulation or store takes."""
        reduced = [value.operand for value in self.body.values if isinstance(value, Reduce)]
        accumulated = [item.value for item in self.body.accumulations if item.along_row]
        stores = [store for store in self.body.stores if store.along_row]
        wanted = [*reduced, *accumulated, *(store.value for store in stores)]
        last = max((self.first[value] for value in wanted), default=-1)
        roots = [(self.first[value], value) for value in (*reduced, *accumulated)]
        return roots + [(last if store.late else self.first[store.value], store.value) for store in stores]

    def _keep_for(self, number: int) -> None:
        """Find what the pass `number` takes from earlier ones. Later passes are known already."""
        kept_here = [value for value in self.kept if self.first[value] == number]
        waiting = [*(value for place, value in self._roots if place == number), *kept_here]
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            if value in seen or self.of_rows[value]:
                continue
            seen.add(value)
            if self.first[value] < number:
                if value in self.stored or value in self.kept:
                    continue
                if self._costs[value] > _MOST_AGAIN:
                    self._keep(value)
                    continue
            entry = self.body.values[value]
            if isinstance(entry, Apply):
                waiting.extend(entry.operands)

    def _keep(self, value: int) -> None:
        self.kept[value] = self.scratch_bytes
        size = self.body.row_size * _scratch_itemsize(self.body.values[value].dtype)
        self.scratch_bytes += -(-size // _ALIGNMENT) * _ALIGNMENT

    def stores_in(self, number: int) -> Iterable[Store]:
        """The element values that are stored in a pass."""
        for store in self.body.stores:
            if store.along_row:
                place = self.count - 1 if store.late else self.first[store.value]
                if place == number:
                    yield store

    def accumulations_in(self, number: int) -> Iterable[Accumulation]:
        """The element values that are accumulated in a pass."""
        for item in self.body.accumulations:
            if item.along_row and self.first[item.value] == number:
                yield item

    def reductions_in(self, number: int) -> Iterable[int]:
        """The reductions whose operands a pass computes, by their number."""
        for place, value in enumerate(self.body.values):
            if isinstance(value, Reduce) and self.first[value.operand] == number:
                yield place

    def kept_in(self, number: int) -> Iterable[tuple[int, int]]:
        """The values that a pass keeps for later ones, each with where its scratch row begins."""
        for value, begin in self.kept.items():
            if self.first[value] == number:
                yield value, begin


def operation_weight(op: str) -> int:
    """As many cheap operations an op takes about as long as."""
    return 1 if op in _CHEAP else _DEAR


def _scratch_itemsize(dtype: DType) -> int:
    """Scratch rows hold what is computed with: 16-bit floats are computed in 32 bits."""
    return 4 if dtype in (DType.FLOAT16, DType.BFLOAT16) else dtype.itemsize
