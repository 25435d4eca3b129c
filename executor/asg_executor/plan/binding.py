"""Binding: from the arrays that are given to the values of the symbols in a document's shapes."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from asg_executor.errors import InterfaceError, SymbolError
from asg_executor.plan.arrays import Array, array_type, dtype_of
from asg_schema.dims import SymbolicDim, bind_dim, symbols_of
from asg_schema.symbolic_dim import Division, Symbol
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

__all__ = ["bind_shape", "bind_symbols", "check_names"]

_Sized: TypeAlias = tuple[str, int, SymbolicDim]
"""An array's name, an axis of it, and what the axis is declared to be."""


def check_names(kind: str, given: Iterable[str], declared: Iterable[str]) -> None:
    """Refuse arrays under names that the document does not declare, and names without an array.

    Args:
        kind: what the arrays are: `"input"` or `"parameter"`.
        given: the names of the arrays.
        declared: the names that the document declares.

    Raises:
        InterfaceError: naming the first unknown or the first missing one.
    """
    given, declared = list(given), list(declared)
    known = set(declared)
    for name in given:
        if name not in known:
            listed = ", ".join(f'"{item}"' for item in declared) or "none"
            hint = nearest(name, declared) or f"; the document declares {listed}"
            raise InterfaceError(f'there is no {kind} "{name}"{hint}')
    missing = known - set(given)
    for name in declared:
        if name in missing:
            raise InterfaceError(f'{kind} "{name}" is missing')


def bind_symbols(types: Mapping[str, TensorType], arrays: Mapping[str, Array]) -> dict[str, int]:
    """The value of every symbol, found by laying the declared shapes beside those of the arrays.

    A dim that is an expression is solved where it is linear in one symbol that is still unknown, and checked where all
    its symbols are known.

    Args:
        types: the declared type of each input or parameter, by id.
        arrays: an array for each of them.

    Raises:
        InterfaceError: an array's dtype, rank or an integer dim differs from what is declared.
        SymbolError: a symbol gets two values, or cannot be determined.
    """
    pending: list[_Sized] = []
    for name, declared in types.items():
        array = arrays[name]
        if dtype_of(array) is not declared.dtype or array.ndim != declared.rank:
            raise _mismatch(name, declared, array)
        for axis, (dim, size) in enumerate(zip(declared.shape, array.shape, strict=True)):
            if not isinstance(dim, SymbolicDim):
                if dim != size:
                    raise _mismatch(name, declared, array)
                continue
            pending.append((name, axis, dim))
    pending.sort(key=lambda item: not _is_symbol(item[2]))
    values = _solve(pending, types, arrays)
    for name, axis, dim in pending:
        if unknown := ", ".join(sorted(symbols_of(dim) - values.keys())):
            raise SymbolError(
                f'axis {axis} of "{name}" {types[name]} does not determine {unknown}, and no other array does; '
                "an input with a dim that is the symbol itself is needed"
            )
    return values


def bind_shape(what: str, declared: TensorType, values: Mapping[str, int]) -> TensorType:
    """A type with every symbol replaced by its value.

    Raises:
        SymbolError: a symbol has no value, or a dim comes out negative or divides by zero.
    """
    dims: list[int] = []
    for dim in declared.shape:
        try:
            size = bind_dim(dim, values)
        except KeyError as error:
            raise SymbolError(f'{what} {declared}: no input determines the symbol "{error.args[0]}"') from None
        except ZeroDivisionError:
            raise SymbolError(f"{what} {declared}: the dim {dim} divides by zero for {_show(values)}") from None
        if size < 0:
            raise SymbolError(f"{what} {declared}: the dim {dim} is {size} for {_show(values)}; at least 0 is needed")
        dims.append(size)
    return TensorType(declared.dtype, tuple(dims))


def _solve(pending: Iterable[_Sized], types: Mapping[str, TensorType], arrays: Mapping[str, Array]) -> dict[str, int]:
    """The symbols that follow, each dim looked at again only when a symbol that it needs has got its value."""
    values: dict[str, int] = {}
    sources: dict[str, str] = {}
    queue = deque(pending)
    waiting: dict[str, list[_Sized]] = {}  # by the symbols that they need
    while queue:
        item = queue.popleft()
        before = len(values)
        try:
            settled = _settle(item, types, arrays, values, sources)
        except ZeroDivisionError:
            name, axis, dim = item
            known = {symbol: values[symbol] for symbol in sorted(symbols_of(dim) & values.keys())}
            raise SymbolError(
                f'axis {axis} of "{name}" {types[name]}: the dim {dim} divides by zero for {_show(known)}'
            ) from None
        if not settled:
            for symbol in symbols_of(item[2]) - values.keys():
                waiting.setdefault(symbol, []).append(item)
        elif len(values) > before:
            queue.extend(waiting.pop(next(reversed(values)), ()))
    return values


def _mismatch(name: str, declared: TensorType, array: Array) -> InterfaceError:
    return InterfaceError(f'"{name}" is {array_type(array)}; the document declares {declared}')


def _show(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items()) or "no symbols"


def _is_symbol(dim: SymbolicDim) -> bool:
    names = symbols_of(dim)
    return len(names) == 1 and repr(dim) in names


def _settle(
    item: _Sized,
    types: Mapping[str, TensorType],
    arrays: Mapping[str, Array],
    values: dict[str, int],
    sources: dict[str, str],
) -> bool:
    """Check a dim whose symbols are known, or solve it for its one unknown symbol; False where neither is possible."""
    name, axis, dim = item
    size = arrays[name].shape[axis]
    unknown = symbols_of(dim) - values.keys()
    where = f'axis {axis} of "{name}" {types[name]}'
    if not unknown:
        found = bind_dim(dim, values)
        if found != size:
            known = "; ".join(
                f"{symbol} is {values[symbol]} by {sources[symbol]}" for symbol in sorted(symbols_of(dim))
            )
            raise SymbolError(f"{where} has size {size}, but {dim} is {found}: {known}")
        return True
    if len(unknown) > 1:
        return False
    (symbol,) = unknown
    line = _line(dim, symbol, {name: values[name] for name in symbols_of(dim) if name in values})
    if line is None:
        return False
    slope, offset = line
    if (size - offset) % slope or (size - offset) // slope < 0:
        raise SymbolError(f"{where} has size {size}; no {symbol} of at least 0 makes {dim} that size")
    values[symbol] = (size - offset) // slope
    sources[symbol] = f'axis {axis} of "{name}"'
    return True


def _line(dim: SymbolicDim, symbol: str, values: Mapping[str, int]) -> tuple[int, int] | None:
    """The slope and the offset of a dim that is a linear function of `symbol`, else None."""
    for monomial, _ in dim.terms:
        if monomial.count(Symbol(symbol)) > 1 or any(
            isinstance(atom, Division) and symbol in symbols_of(atom.numerator) | symbols_of(atom.denominator)
            for atom in monomial
        ):
            return None
    offset = bind_dim(dim, {**values, symbol: 0})
    slope = bind_dim(dim, {**values, symbol: 1}) - offset
    return (slope, offset) if slope else None
