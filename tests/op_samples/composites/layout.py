"""Samples of arrays stacked, repeated, rolled and padded: references place every element by its index."""

from collections.abc import Callable

import ml_dtypes
import numpy as np

from asg_schema.composites.layout import PadEdge, PadReflect, Repeat, Roll, Stack, Tile
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _taken(shape: tuple[int, ...], source: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Reference:
    """The array of this shape whose element at an index is that of x at source(index)."""

    def reference(x: Array) -> Array:
        result = np.empty(shape, x.dtype)
        for index in indices_of(shape):
            result[index] = x[source(index)]
        return result

    return reference


def _stack(axis: int = 0) -> Reference:
    def reference(*arrays: Array) -> Array:
        rank = arrays[0].ndim + 1
        place = axis % rank
        shape = list(arrays[0].shape)
        shape.insert(place, len(arrays))
        result = np.empty(shape, arrays[0].dtype)
        for index in indices_of(shape):
            result[index] = arrays[index[place]][index[:place] + index[place + 1 :]]
        return result

    return reference


def _mirrored(place: int, low: int, size: int) -> int:
    """Where the element at a place of a reflected axis comes from: distance from 0, and back from the last."""
    distance = abs(place - low)
    return distance if distance < size else 2 * (size - 1) - distance


_BYTES = np.arange(6, dtype=np.uint8).reshape(2, 3)
_FLAGS = np.array([True, False, False])

_STACK = [
    Sample("stack.default", Stack, (spread(2, 3), spread(2, 3) + 0.3), {}, _stack()),
    Sample("stack.middle", Stack, (spread(2, 3), spread(2, 3) + 0.3, spread(2, 3) * 2.0), {"axis": 1}, _stack(1)),
    Sample("stack.last", Stack, (spread(2, 3), spread(2, 3) + 0.3), {"axis": -1}, _stack(-1)),
    Sample("stack.first_from_the_end", Stack, (spread(2), spread(2) + 0.3), {"axis": -2}, _stack(-2)),
    Sample("stack.one", Stack, (spread(3),), {}, _stack()),
    Sample("stack.rank_0", Stack, (np.array(1.5), np.array(-0.5)), {}, _stack()),
    Sample("stack.empty", Stack, (np.zeros((0, 2)), np.zeros((0, 2))), {"axis": 1}, _stack(1)),
    Sample("stack.int64", Stack, (np.array([2**60, -1]), np.array([3, 4])), {}, _stack()),
    Sample("stack.bool", Stack, (_FLAGS, ~_FLAGS), {}, _stack()),
]

_TILE = [
    Sample(
        "tile.each_axis", Tile, (spread(2, 3),), {"repetitions": [2, 3]}, _taken((4, 9), lambda i: (i[0] % 2, i[1] % 3))
    ),
    Sample("tile.last_axis", Tile, (spread(2, 3),), {"repetitions": [2]}, _taken((2, 6), lambda i: (i[0], i[1] % 3))),
    Sample("tile.new_axes", Tile, (spread(3),), {"repetitions": [2, 1, 2]}, _taken((2, 1, 6), lambda i: (i[2] % 3,))),
    Sample("tile.once", Tile, (spread(2, 3),), {"repetitions": [1, 1]}, lambda x: x),
    Sample("tile.no_repetitions", Tile, (spread(2, 3),), {"repetitions": []}, lambda x: x),
    Sample("tile.no_times", Tile, (spread(2, 3),), {"repetitions": [0, 2]}, lambda x: np.zeros((0, 6))),
    Sample("tile.rank_0", Tile, (np.array(1.5),), {"repetitions": [3]}, _taken((3,), lambda i: ())),
    Sample("tile.empty", Tile, (np.zeros((0, 2)),), {"repetitions": [2, 2]}, lambda x: np.zeros((0, 4))),
    Sample("tile.uint8", Tile, (_BYTES,), {"repetitions": [2, 1]}, _taken((4, 3), lambda i: (i[0] % 2, i[1]))),
    Sample("tile.bool", Tile, (_FLAGS,), {"repetitions": [2]}, _taken((6,), lambda i: (i[0] % 3,))),
]

_REPEAT = [
    Sample(
        "repeat.flattened", Repeat, (spread(2, 3),), {"repeats": 2}, _taken((12,), lambda i: (i[0] // 6, i[0] // 2 % 3))
    ),
    Sample(
        "repeat.first_axis",
        Repeat,
        (spread(2, 3),),
        {"repeats": 3, "axis": 0},
        _taken((6, 3), lambda i: (i[0] // 3, i[1])),
    ),
    Sample(
        "repeat.last_axis",
        Repeat,
        (spread(2, 3),),
        {"repeats": 2, "axis": -1},
        _taken((2, 6), lambda i: (i[0], i[1] // 2)),
    ),
    Sample("repeat.once", Repeat, (spread(2, 3),), {"repeats": 1, "axis": 1}, lambda x: x),
    Sample("repeat.no_times", Repeat, (spread(2, 3),), {"repeats": 0, "axis": 1}, lambda x: np.zeros((2, 0))),
    Sample("repeat.rank_0", Repeat, (np.array(1.5),), {"repeats": 3}, _taken((3,), lambda i: ())),
    Sample("repeat.int64", Repeat, (np.array([2**60, -1]),), {"repeats": 2}, _taken((4,), lambda i: (i[0] // 2,))),
    Sample("repeat.bool", Repeat, (_FLAGS,), {"repeats": 2, "axis": 0}, _taken((6,), lambda i: (i[0] // 2,))),
]

_ROLL = [
    Sample("roll.vector", Roll, (spread(5),), {"shift": [2], "axis": [0]}, _taken((5,), lambda i: ((i[0] - 2) % 5,))),
    Sample(
        "roll.negative",
        Roll,
        (spread(2, 5),),
        {"shift": [-1], "axis": [-1]},
        _taken((2, 5), lambda i: (i[0], (i[1] + 1) % 5)),
    ),
    Sample(
        "roll.far", Roll, (spread(5),), {"shift": [-2017], "axis": [0]}, _taken((5,), lambda i: ((i[0] + 2017) % 5,))
    ),
    Sample(
        "roll.several_axes",
        Roll,
        (spread(3, 4),),
        {"shift": [1, -2], "axis": [0, 1]},
        _taken((3, 4), lambda i: ((i[0] - 1) % 3, (i[1] + 2) % 4)),
    ),
    Sample(
        "roll.an_axis_twice",
        Roll,
        (spread(2, 4),),
        {"shift": [1, 2], "axis": [1, -1]},
        _taken((2, 4), lambda i: (i[0], (i[1] - 3) % 4)),
    ),
    Sample(
        "roll.flattened",
        Roll,
        (spread(2, 3),),
        {"shift": [2]},
        _taken((2, 3), lambda i: ((3 * i[0] + i[1] - 2) % 6 // 3, (3 * i[0] + i[1] - 2) % 3)),
    ),
    Sample("roll.whole_turn", Roll, (spread(4),), {"shift": [8], "axis": [0]}, lambda x: x),
    Sample("roll.no_axis", Roll, (spread(2, 2),), {"shift": [], "axis": []}, lambda x: x),
    Sample("roll.rank_0", Roll, (np.array(1.5),), {"shift": [3]}, lambda x: x),
    Sample("roll.empty", Roll, (np.zeros((0, 2)),), {"shift": [1, 1], "axis": [0, 1]}, lambda x: x),
    Sample("roll.uint8", Roll, (_BYTES,), {"shift": [1], "axis": [0]}, _taken((2, 3), lambda i: (1 - i[0], i[1]))),
    Sample("roll.bool", Roll, (_FLAGS,), {"shift": [1], "axis": [0]}, _taken((3,), lambda i: ((i[0] - 1) % 3,))),
    Sample(
        "roll.bfloat16",
        Roll,
        (np.array([1.5, -2.0, 3.0], ml_dtypes.bfloat16),),
        {"shift": [1], "axis": [0]},
        _taken((3,), lambda i: ((i[0] - 1) % 3,)),
    ),
]

_PADDING = [
    Sample(
        "pad_reflect.vector",
        PadReflect,
        (spread(4),),
        {"low": [2], "high": [3]},
        _taken((9,), lambda i: (_mirrored(i[0], 2, 4),)),
    ),
    Sample(
        "pad_reflect.two_axes",
        PadReflect,
        (spread(3, 4),),
        {"low": [1, 0], "high": [2, 3]},
        _taken((6, 7), lambda i: (_mirrored(i[0], 1, 3), _mirrored(i[1], 0, 4))),
    ),
    Sample("pad_reflect.nothing", PadReflect, (spread(1, 3),), {"low": [0, 0], "high": [0, 0]}, lambda x: x),
    Sample("pad_reflect.rank_0", PadReflect, (np.array(1.5),), {"low": [], "high": []}, lambda x: x),
    Sample(
        "pad_reflect.empty",
        PadReflect,
        (np.zeros((0, 2)),),
        {"low": [0, 1], "high": [0, 0]},
        lambda x: np.zeros((0, 3)),
    ),
    Sample(
        "pad_reflect.uint8",
        PadReflect,
        (_BYTES,),
        {"low": [1, 2], "high": [1, 0]},
        _taken((4, 5), lambda i: (_mirrored(i[0], 1, 2), _mirrored(i[1], 2, 3))),
    ),
    Sample(
        "pad_reflect.bool",
        PadReflect,
        (_FLAGS,),
        {"low": [2], "high": [0]},
        _taken((5,), lambda i: (_mirrored(i[0], 2, 3),)),
    ),
    Sample(
        "pad_edge.vector",
        PadEdge,
        (spread(3),),
        {"low": [2], "high": [5]},
        _taken((10,), lambda i: (sorted([0, i[0] - 2, 2])[1],)),
    ),
    Sample(
        "pad_edge.two_axes",
        PadEdge,
        (spread(2, 3),),
        {"low": [3, 0], "high": [0, 2]},
        _taken((5, 5), lambda i: (max(i[0] - 3, 0), min(i[1], 2))),
    ),
    Sample("pad_edge.nothing", PadEdge, (spread(1, 3),), {"low": [0, 0], "high": [0, 0]}, lambda x: x),
    Sample("pad_edge.rank_0", PadEdge, (np.array(1.5),), {"low": [], "high": []}, lambda x: x),
    Sample("pad_edge.empty", PadEdge, (np.zeros((0, 2)),), {"low": [0, 1], "high": [0, 0]}, lambda x: np.zeros((0, 3))),
    Sample(
        "pad_edge.uint8",
        PadEdge,
        (_BYTES,),
        {"low": [1, 0], "high": [0, 1]},
        _taken((3, 4), lambda i: (max(i[0] - 1, 0), min(i[1], 2))),
    ),
    Sample("pad_edge.bool", PadEdge, (_FLAGS,), {"low": [2], "high": [0]}, _taken((5,), lambda i: (max(i[0] - 2, 0),))),
]

SAMPLES: list[Sample] = [*_STACK, *_TILE, *_REPEAT, *_ROLL, *_PADDING]
