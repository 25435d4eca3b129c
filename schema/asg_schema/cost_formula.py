"""What an op costs as a formula in the symbols of its types.

`asg_schema.cost` counts for sizes alone. What it counts for a few sizes of each symbol determines a polynomial, and one
more count says whether that is the cost.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from asg_schema.cost import operations
from asg_schema.dims import Dim, bind_dim, symbol, symbols_of
from asg_schema.errors import AsgError
from asg_schema.op import Op
from asg_schema.symbolic_dim import LARGEST_DIM, sum_of
from asg_schema.tensor_type import TensorType

__all__ = ["operations_formula"]

# Sizes with many divisors, so that divisions within dims come out even, and large against what is constant.
_SIZES = tuple(5040 * factor for factor in (1, 2, 3, 4))
_CHECK = 5040 * 7
_MOST_SYMBOLS = 3
_MOST_REMEMBERED = 4096


def operations_formula(op: Op, operands: Sequence[TensorType], results: Sequence[TensorType]) -> Dim | None:
    """The operations of one application of an op, for sizes that are not small; None where that is no polynomial.

    Args:
        op: the op.
        operands: the types of its operands.
        results: the types of its results, as its rule infers them.
    """
    names = {name for type in (*operands, *results) for dim in type.shape for name in symbols_of(dim)} | op.symbols()
    if not names:
        return operations(op, operands, results)
    if len(names) > _MOST_SYMBOLS:
        return None
    attributes = tuple((name, getattr(op, name)) for name in op.attributes)
    return _formula(type(op), attributes, tuple(operands), tuple(results), tuple(sorted(names)))


@lru_cache(maxsize=_MOST_REMEMBERED)
def _formula(
    op: type[Op],
    attributes: tuple[tuple[str, Any], ...],
    operands: tuple[TensorType, ...],
    results: tuple[TensorType, ...],
    names: tuple[str, ...],
) -> Dim | None:
    node = op(id="node", inputs=tuple(f"operand{index}" for index in range(len(operands))), **dict(attributes))

    def count(sizes: Sequence[int]) -> int:
        values = dict(zip(names, sizes, strict=True))
        return operations(node.bind(values), _bound(operands, values), _bound(results, values))

    try:
        counts = {sizes: Fraction(count(sizes)) for sizes in product(_SIZES, repeat=len(names))}
        expected = count([_CHECK] * len(names))
    except (AsgError, ZeroDivisionError):  # with such sizes the op cannot be applied
        return None
    terms = _coefficients(counts, len(names))
    if any(value.denominator != 1 or abs(value) > LARGEST_DIM for value in terms.values()):
        return None
    found = sum_of(
        prod((symbol(name) for name, power in zip(names, powers, strict=True) for _ in range(power)), start=int(value))
        for powers, value in terms.items()
    )
    return found if bind_dim(found, dict.fromkeys(names, _CHECK)) == expected else None


def _bound(types: Sequence[TensorType], values: Mapping[str, int]) -> list[TensorType]:
    return [TensorType(type.dtype, tuple(bind_dim(dim, values) for dim in type.shape)) for type in types]


def _coefficients(counts: Mapping[tuple[int, ...], Fraction], rank: int) -> dict[tuple[int, ...], Fraction]:
    """The polynomial through values on a grid: coefficients by the powers of its variables."""
    table: dict[tuple[int, ...], Fraction] = dict(counts)
    for place in range(rank):
        changed: dict[tuple[int, ...], Fraction] = {}
        for key, value in table.items():
            for power, share in enumerate(_BASIS[key[place]]):
                target = (*key[:place], power, *key[place + 1 :])
                changed[target] = changed.get(target, Fraction(0)) + share * value
        table = changed
    return {powers: value for powers, value in table.items() if value}


def _basis(size: int) -> tuple[Fraction, ...]:
    """The coefficients, lowest power first, of the polynomial that is 1 at `size` and 0 at the other sizes."""
    coefficients = [Fraction(1)]
    for other in _SIZES:
        if other != size:
            scale = Fraction(1, size - other)
            shifted = [Fraction(0), *coefficients]
            coefficients = [scale * (up - other * same) for up, same in zip(shifted, [*coefficients, 0], strict=True)]
    return tuple(coefficients)


_BASIS = {size: _basis(size) for size in _SIZES}
