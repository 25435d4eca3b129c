"""Broadcasting against NumPy's own rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_schema.broadcasting import broadcast_shapes, expanded_axes
from asg_schema.dims import bind_dim, symbol
from asg_schema.errors import RuleError

shapes = st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4).map(tuple)


@given(st.lists(shapes, min_size=1, max_size=4))
def test_concrete_shapes_broadcast_as_in_numpy(given_shapes: list[tuple[int, ...]]) -> None:
    try:
        expected = np.broadcast_shapes(*given_shapes)
    except ValueError:
        with pytest.raises(RuleError, match="does not broadcast"):
            broadcast_shapes(given_shapes)
    else:
        assert broadcast_shapes(given_shapes) == expected


@given(shapes, shapes)
def test_expanded_axes_are_those_to_sum_over(source: tuple[int, ...], other: tuple[int, ...]) -> None:
    try:
        target = np.broadcast_shapes(source, other)
    except ValueError:
        return
    axes = expanded_axes(source, target)
    kept = tuple(dim for axis, dim in enumerate(target) if axis not in axes)
    assert np.sum(np.ones(target), axis=axes).shape == kept
    assert tuple(dim for dim in source if dim != 1) == tuple(dim for dim in kept if dim != 1)
    assert np.broadcast_shapes(source, target) == target


n, m = symbol("n"), symbol("m")


def test_a_symbol_broadcasts_with_itself_and_with_one() -> None:
    assert broadcast_shapes([(n, 3), (1, 3)]) == (n, 3)
    assert broadcast_shapes([(3,), (n, 1)]) == (n, 3)
    assert broadcast_shapes([(n,), (n,), ()]) == (n,)
    assert bind_dim(broadcast_shapes([(1,), (n + 1,)])[0], {"n": 4}) == 5


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((n,), (m,), "{1} does not broadcast with {0}: last axis m against n; n or 1 is needed there"),
        ((n, 3), (2, 3), "{1} does not broadcast with {0}: axis -2 2 against n; n or 1 is needed there"),
        ((4,), (n, 3), "{1} does not broadcast with {0}: last axis 3 against 4; 4 or 1 is needed there"),
    ],
)
def test_what_does_not_broadcast(a: tuple[int, ...], b: tuple[int, ...], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        broadcast_shapes([a, b])
    assert caught.value.message == message
    assert caught.value.operand == 1
