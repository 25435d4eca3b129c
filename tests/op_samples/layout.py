"""Samples of layout: references place every element by its index."""

from typing import Any

import ml_dtypes
import numpy as np

from asg_schema.op import Op
from asg_schema.ops.layout import (
    BroadcastTo,
    Concat,
    DynamicSlice,
    DynamicUpdateSlice,
    Flip,
    Pad,
    PermuteDims,
    Reshape,
    Slice,
)
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _reshape(shape: tuple[int, ...]) -> Reference:
    def reference(x: Array) -> Array:
        return np.array([x[index] for index in indices_of(x.shape)], x.dtype).reshape(shape)

    return reference


def _permute(axes: list[int]) -> Reference:
    def reference(x: Array) -> Array:
        result = np.empty([x.shape[axis] for axis in axes], x.dtype)
        for index in indices_of(result.shape):
            source = [0] * x.ndim
            for i, axis in zip(index, axes, strict=True):
                source[axis] = i
            result[index] = x[tuple(source)]
        return result

    return reference


def _broadcast(shape: tuple[int, ...]) -> Reference:
    return lambda x: x * np.ones(shape, x.dtype)


def _concat(axis: int) -> Reference:
    def reference(*arrays: Array) -> Array:
        lines = [line for array in arrays for line in np.moveaxis(array, axis, 0)]
        return np.moveaxis(np.stack(lines), 0, axis)

    return reference


def _slice(start: list[int], stop: list[int], step: list[int] | None = None) -> Reference:
    def reference(x: Array) -> Array:
        ranges = [list(range(*bounds)) for bounds in zip(start, stop, step or [1] * x.ndim, strict=True)]
        return x[np.ix_(*ranges)] if ranges else x

    return reference


def _pad(low: list[int], high: list[int], interior: list[int] | None = None, value: float = 0.0) -> Reference:
    def reference(x: Array) -> Array:
        between = interior or [0] * x.ndim
        stretched = [max(n - 1, 0) * gap + n for n, gap in zip(x.shape, between, strict=True)]
        result = np.full([a + n + b for a, n, b in zip(low, stretched, high, strict=True)], value, x.dtype)
        for index in indices_of(x.shape):
            place = tuple(a + i * (gap + 1) for a, i, gap in zip(low, index, between, strict=True))
            if all(0 <= i < n for i, n in zip(place, result.shape, strict=True)):
                result[place] = x[index]
        return result

    return reference


def _flip(axis: list[int] | None = None) -> Reference:
    def reference(x: Array) -> Array:
        axes = range(x.ndim) if axis is None else [a % x.ndim for a in axis]
        result = np.empty_like(x)
        for index in indices_of(x.shape):
            result[
                tuple(n - 1 - i if a in axes else i for a, (i, n) in enumerate(zip(index, x.shape, strict=True)))
            ] = x[index]
        return result

    return reference


def _clamped(start: Array, shape: tuple[int, ...], block: tuple[int, ...]) -> list[int]:
    return [min(max(int(i), 0), n - size) for i, n, size in zip(start, shape, block, strict=True)]


def _dynamic_slice(shape: tuple[int, ...]) -> Reference:
    def reference(x: Array, start: Array) -> Array:
        first = _clamped(start, x.shape, shape)
        result = np.empty(shape, x.dtype)
        for index in indices_of(shape):
            result[index] = x[tuple(a + i for a, i in zip(first, index, strict=True))]
        return result

    return reference


def _dynamic_update_slice(x: Array, update: Array, start: Array) -> Array:
    first = _clamped(start, x.shape, update.shape)
    result = x.copy()
    for index in indices_of(update.shape):
        result[tuple(a + i for a, i in zip(first, index, strict=True))] = update[index]
    return result


_X = spread(2, 3)
_CUBE = spread(2, 3, 2)
_BOOLS = np.array([[True, False, False], [True, True, False]])
_UINT8 = np.array([[1, 2, 200], [4, 5, 6]], np.uint8)
_BFLOAT16 = _X.astype(ml_dtypes.bfloat16)
_EMPTY = np.zeros((0, 3))


def _case(op: type[Op], name: str, x: Array, reference: Reference, **attributes: Any) -> Sample:
    return Sample(f"{op.name}.{name}", op, (x,), attributes, reference)


def _slice_case(name: str, x: Array, start: list[int], stop: list[int], step: list[int] | None = None) -> Sample:
    attributes: dict[str, Any] = {"start": start, "stop": stop} | ({} if step is None else {"step": step})
    return Sample(f"slice.{name}", Slice, (x,), attributes, _slice(start, stop, step))


def _pad_case(name: str, x: Array, **attributes: Any) -> Sample:
    return Sample(f"pad.{name}", Pad, (x,), attributes, _pad(**attributes))


def _concat_case(name: str, axis: int, *arrays: Array) -> Sample:
    return Sample(f"concat.{name}", Concat, arrays, {"axis": axis}, _concat(axis))


def _dynamic_slice_case(name: str, x: Array, start: Array, shape: tuple[int, ...]) -> Sample:
    return Sample(f"dynamic_slice.{name}", DynamicSlice, (x, start), {"shape": shape}, _dynamic_slice(shape))


def _dynamic_update_case(name: str, x: Array, update: Array, start: Array) -> Sample:
    return Sample(f"dynamic_update_slice.{name}", DynamicUpdateSlice, (x, update, start), {}, _dynamic_update_slice)


SAMPLES: list[Sample] = [
    _case(Reshape, "merge", _CUBE, _reshape((6, 2)), shape=[6, 2]),
    _case(Reshape, "to_rank_0", spread(1, 1), _reshape(()), shape=[]),
    _case(Reshape, "from_rank_0", np.array(1.5), _reshape((1, 1)), shape=[1, 1]),
    _case(Reshape, "empty", _EMPTY, _reshape((3, 0, 5)), shape=[3, 0, 5]),
    _case(Reshape, "uint8", _UINT8, _reshape((6,)), shape=[6]),
    _case(Reshape, "bool", _BOOLS, _reshape((3, 2)), shape=[3, 2]),
    _case(PermuteDims, "matrix", _X, _permute([1, 0]), axes=[1, 0]),
    _case(PermuteDims, "cycle", _CUBE, _permute([2, 0, 1]), axes=[2, 0, 1]),
    _case(PermuteDims, "negative", _CUBE, _permute([0, -1, 1]), axes=[0, -1, 1]),
    _case(PermuteDims, "rank_0", np.array(1.5), _permute([]), axes=[]),
    _case(PermuteDims, "empty", _EMPTY, _permute([1, 0]), axes=[1, 0]),
    _case(PermuteDims, "bool", _BOOLS, _permute([1, 0]), axes=[1, 0]),
    _case(PermuteDims, "uint8", _UINT8, _permute([1, 0]), axes=[1, 0]),
    _case(BroadcastTo, "new_axis", _X, _broadcast((2, 2, 3)), shape=[2, 2, 3]),
    _case(BroadcastTo, "size_1_axes", spread(2, 1, 3, 1), _broadcast((2, 2, 3, 2)), shape=[2, 2, 3, 2]),
    _case(BroadcastTo, "rank_0", np.array(1.5), _broadcast((2, 3)), shape=[2, 3]),
    _case(BroadcastTo, "same", _X, _broadcast((2, 3)), shape=[2, 3]),
    _case(BroadcastTo, "to_empty", spread(1, 3), _broadcast((0, 3)), shape=[0, 3]),
    _case(BroadcastTo, "uint8", _UINT8, _broadcast((2, 2, 3)), shape=[2, 2, 3]),
    _case(BroadcastTo, "bool", _BOOLS[:, :1], lambda x: np.hstack([x, x]), shape=[2, 2]),
    _concat_case("first_axis", 0, _X, spread(1, 3)),
    _concat_case("negative_axis", -1, _X, spread(2, 1), spread(2, 2)),
    _concat_case("one", 1, _X),
    _concat_case("with_empty", 0, _EMPTY, _X),
    _concat_case("bool", 0, _BOOLS, _BOOLS[:1]),
    _concat_case("uint8", 1, _UINT8, _UINT8),
    Sample("concat.default_axis", Concat, (_X, _X + 1.0), {}, _concat(0)),
    _slice_case("block", _X, [0, 1], [2, 3]),
    _slice_case("step", spread(5, 3), [1, 0], [5, 3], [3, 2]),
    _slice_case("nothing", _X, [1, 0], [1, 3]),
    _slice_case("rank_0", np.array(1.5), [], []),
    _slice_case("uint8", _UINT8, [1, 1], [2, 3]),
    _slice_case("bool", _BOOLS, [0, 0], [1, 3], [1, 2]),
    _pad_case("around", _X, low=[1, 0], high=[0, 2]),
    _pad_case("value", _X, low=[0, 1], high=[1, 0], value=-1.5),
    _pad_case("interior", _X, low=[0, 1], high=[1, 0], interior=[2, 1]),
    _pad_case("negative", spread(4, 3), low=[-1, 2], high=[1, -1]),
    _pad_case("negative_with_interior", spread(3, 2), low=[-1, -2], high=[-1, 1], interior=[1, 2]),
    _pad_case("empty_with_interior", _EMPTY, low=[1, 0], high=[1, 0], interior=[3, 0]),
    _pad_case("rank_0", np.array(1.5), low=[], high=[]),
    _pad_case("bool", _BOOLS, low=[1, 0], high=[0, 0]),
    _pad_case("bool_true", _BOOLS, low=[0, 1], high=[0, 0], value=1.0),
    _pad_case("int8", np.array([1, -2], np.int8), low=[1], high=[0], value=7.0),
    Sample(
        "pad.infinity",
        Pad,
        (spread(2),),
        {"low": [1], "high": [1], "value": float("-inf")},
        _pad([1], [1], value=float("-inf")),
        differentiable=False,
    ),
    _case(Flip, "all_axes", _X, _flip()),
    _case(Flip, "one_axis", _CUBE, _flip([1]), axis=[1]),
    _case(Flip, "negative_axes", _CUBE, _flip([-1, 0]), axis=[-1, 0]),
    _case(Flip, "no_axis", _X, _flip([]), axis=[]),
    _case(Flip, "rank_0", np.array(1.5), _flip()),
    _case(Flip, "uint8", _UINT8, _flip()),
    _case(Flip, "bool", _BOOLS, _flip([1]), axis=[1]),
    _case(Flip, "bfloat16", _BFLOAT16, _flip()),
    _dynamic_slice_case("inside", spread(4, 3), np.array([1, 1]), (2, 2)),
    _dynamic_slice_case("clamped", spread(4, 3), np.array([9, -5], np.int32), (2, 2)),
    _dynamic_slice_case("nothing", spread(4, 3), np.array([0, 1]), (2, 0)),
    _dynamic_slice_case("rank_0", np.array(1.5), np.zeros(0, np.int64), ()),
    _dynamic_slice_case("bool", _BOOLS, np.array([1, 0]), (1, 2)),
    _dynamic_slice_case("uint8", _UINT8, np.array([0, 2]), (2, 1)),
    _dynamic_update_case("inside", spread(4, 3), spread(2, 2) + 7.0, np.array([1, 1])),
    _dynamic_update_case("clamped", spread(4, 3), spread(2, 2) + 7.0, np.array([-3, 9], np.int32)),
    _dynamic_update_case("whole", spread(2, 2), spread(2, 2) + 7.0, np.array([1, 1])),
    _dynamic_update_case("nothing", spread(2, 2), np.zeros((0, 2)), np.array([1, 1])),
    _dynamic_update_case("rank_0", np.array(1.5), np.array(2.5), np.zeros(0, np.int64)),
    _dynamic_update_case("uint8", _UINT8, np.array([[7], [8]], np.uint8), np.array([0, 1])),
    _dynamic_update_case("bool", _BOOLS, np.array([[False]]), np.array([1, 1])),
]
