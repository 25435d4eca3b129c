"""`x[…]`: basic indexing, and an integer tensor along one axis, as NumPy defines them.

An index becomes at most four nodes: `flip` for negative steps, `slice`, `reshape` for dropped and new axes, and `take`
for an integer tensor.

Along an axis of known size a slice is clamped, as in Python. Along a symbolic axis it is not, because the size is not
known yet: `x[:, :5]` asks for at least five elements, which the executor checks once the symbol is bound. Bounds may be
symbolic dims themselves: `x[:, :seq]`, or `x[: x.shape[0] // 2]`.
"""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np

from asg_builder.arrays import Array
from asg_builder.constants import embed_array
from asg_schema.dims import Dim, SymbolicDim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import AsgError
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import Flip, Reshape, Slice

__all__ = ["Index", "index"]

V = TypeVar("V", bound=Value)

Entry: TypeAlias = int | SymbolicDim | slice | EllipsisType | Value | Array | Sequence[int] | None
Index: TypeAlias = Entry | tuple[Entry, ...]
"""What may stand between the brackets."""


class _Window(NamedTuple):
    """What is taken of one axis: `[start, stop)` in steps, after the axis was flipped where `flipped`."""

    start: Dim
    stop: Dim
    step: int
    flipped: bool

    @property
    def size(self) -> Dim:
        return (self.stop - self.start + (self.step - 1)) // self.step


def index(x: V, key: Any) -> V:
    """The part of `x` that `key` selects.

    Args:
        x: a tensor of rank n.
        key: at most n ints, slices and integer tensors, any number of None (a new axis of size 1), and at most one
            Ellipsis (as many whole axes as are left).

    Raises:
        IndexError: there are too many entries, or an int is out of range.
        TypeError: an entry is of another kind.
        AsgError: an entry is of a kind that NumPy has and a document has not, such as a bool mask.
    """
    entries = _expand(x, cast("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,))
    windows: list[_Window] = []
    shape: list[Dim] = []
    taken: tuple[int, Value] | None = None
    for entry in entries:
        if entry is None:
            shape.append(1)
            continue
        axis = len(windows)
        dim = x.shape[axis]
        if isinstance(entry, slice):
            window = _sliced(x, axis, cast("slice[Any, Any, Any]", entry))
            shape.append(window.size)
        elif isinstance(entry, Value):
            window = _Window(0, dim, 1, flipped=False)
            taken = (len(shape), entry)
            shape.append(dim)
        else:
            start = _position(x, axis, entry)
            window = _Window(start, start + 1, 1, flipped=False)
        windows.append(window)
    result = _reshaped(_windowed(x, windows), tuple(shape))
    return result if taken is None else Take.of(result, cast("V", taken[1]), axis=taken[0])


def _expand(x: Value, key: tuple[Any, ...]) -> list[Any]:
    """The entries of a key, one for each axis of `x` and each new axis, index arrays as values."""
    entries = [_checked(x, entry) for entry in key]
    ellipses = [position for position, entry in enumerate(entries) if entry is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError(f"an index of {x} holds {len(ellipses)} Ellipses; at most one may stand in it")
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > x.rank:
        raise IndexError(f"{x} has {x.rank} axes; the index has entries for {used}")
    at = ellipses[0] if ellipses else len(entries)
    entries[at : at + 1] = [slice(None)] * (x.rank - used)
    _check_arrays(x, entries)
    return entries


def _checked(x: Value, entry: Any) -> Any:
    if entry is None or entry is Ellipsis or isinstance(entry, slice | SymbolicDim):
        return cast("Any", entry)
    if isinstance(entry, Value):
        return _checked_value(x, entry)
    if isinstance(entry, bool | np.bool):
        raise TypeError(f"an index of {x} is a bool; an int, a slice, None, Ellipsis or an integer tensor is needed")
    if isinstance(entry, int | np.integer):
        return int(cast("int", entry))
    if isinstance(entry, list | np.ndarray):
        return _index_constant(x, np.asarray(cast("Any", entry)))
    raise TypeError(
        f"an index of {x} is a {type(entry).__name__}; an int, a slice, None, Ellipsis or an integer tensor is needed"
    )


def _checked_value(x: Value, entry: Value) -> Value:
    if entry.dtype is DType.BOOL:
        raise AsgError(
            f"{x} is indexed with the bool tensor {entry}: the size of the result would depend on its elements. "
            "Use asg.where to choose by element"
        )
    if entry.dtype not in (DType.INT32, DType.INT64):
        raise TypeError(f"{x} is indexed with {entry}; an index tensor is int32 or int64")
    return entry


def _index_constant(x: Value, array: Array) -> Value:
    if array.dtype == np.bool:
        raise AsgError(f"{x} is indexed with a bool array; give the positions instead, such as with numpy.flatnonzero")
    if array.ndim == 0:
        array = array.reshape(1)
    return embed_array(x.editor, array, DType.INT64, f"an index of {x}")


def _check_arrays(x: Value, entries: list[Any]) -> None:
    """Refuse what NumPy's rules for several index arrays would make of the order of axes."""
    arrays = [position for position, entry in enumerate(entries) if isinstance(entry, Value)]
    if len(arrays) > 1:
        raise AsgError(f"{x} is indexed with {len(arrays)} index tensors; index one axis at a time, or use asg.take")
    if arrays and any(isinstance(entry, int | SymbolicDim) for entry in entries):
        raise AsgError(
            f"{x} is indexed with an int and an index tensor together, where NumPy may move axes to the front; index "
            "in two steps"
        )


def _position(x: Value, axis: int, position: Dim) -> Dim:
    """An int index counted from the front."""
    dim = x.shape[axis]
    if isinstance(position, SymbolicDim):
        return position
    if isinstance(dim, int) and not -dim <= position < dim:
        raise IndexError(f"index {position} is out of range for axis {axis} of {x}, which has size {dim}")
    return position + dim if position < 0 else position


def _sliced(x: Value, axis: int, entry: "slice[Any, Any, Any]") -> _Window:
    dim = x.shape[axis]
    start, stop = _bound(x, entry.start), _bound(x, entry.stop)
    step = 1 if entry.step is None else _bound(x, entry.step)
    if not isinstance(step, int) or step == 0:
        raise ValueError(f"the step of a slice of {x} is {step}; an int other than 0 is needed")
    if isinstance(dim, int) and not isinstance(start, SymbolicDim) and not isinstance(stop, SymbolicDim):
        return _known_window(range(dim)[start:stop:step], dim)
    return _symbolic_window((start, stop), step, dim)


def _bound(x: Value, bound: Any) -> Dim | None:
    if bound is None or isinstance(bound, SymbolicDim):
        return bound
    if isinstance(bound, int | np.integer) and not isinstance(bound, bool):
        return int(cast("int", bound))
    raise TypeError(f"a slice of {x} holds {bound!r}; an int, a symbolic dim or None is needed")


def _known_window(selected: range, dim: int) -> _Window:
    if not selected:
        return _Window(0, 0, 1, flipped=False)
    if selected.step > 0:
        return _Window(selected[0], selected[-1] + 1, selected.step, flipped=False)
    return _Window(dim - 1 - selected[0], dim - selected[-1], -selected.step, flipped=True)


def _symbolic_window(bounds: Sequence[Dim | None], step: int, dim: Dim) -> _Window:
    start, stop = (bound + dim if isinstance(bound, int) and bound < 0 else bound for bound in bounds)
    if step > 0:
        return _Window(0 if start is None else start, dim if stop is None else stop, step, flipped=False)
    # In the flipped axis the element at position i stands at dim - 1 - i.
    first = 0 if start is None else dim - 1 - start
    last = dim if stop is None else dim - 1 - stop
    return _Window(first, last, -step, flipped=True)


def _windowed(x: V, windows: list[_Window]) -> V:
    flipped = tuple(axis for axis, window in enumerate(windows) if window.flipped)
    if flipped:
        x = Flip.of(x, axis=flipped)
    if all(w.start == 0 and w.stop == dim and w.step == 1 for w, dim in zip(windows, x.shape, strict=True)):
        return x
    steps = tuple(window.step for window in windows)
    return Slice.of(
        x,
        start=tuple(window.start for window in windows),
        stop=tuple(window.stop for window in windows),
        step=None if set(steps) == {1} else steps,
    )


def _reshaped(x: V, shape: tuple[Dim, ...]) -> V:
    return x if x.shape == shape else Reshape.of(x, shape=shape)
