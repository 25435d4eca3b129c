"""Arrays that share memory are found as NumPy finds them, each against each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asg_executor.plan.arrays import Array
from asg_executor.plan.overlaps import Overlaps

MEMORY = np.zeros(40, np.float64)


@st.composite
def views(draw: st.DrawFn) -> Array:
    begin = draw(st.integers(0, 40))
    end = draw(st.integers(begin, 40))
    step = draw(st.sampled_from([1, 2, 3, -1, -2]))
    view = MEMORY[begin:end][::step]
    return view.reshape(2, -1) if view.size and view.size % 2 == 0 and draw(st.booleans()) else view


@given(st.lists(views(), max_size=12), views())
def test_as_numpy_has_it(arrays: list[Array], array: Array) -> None:
    named = {str(number): item for number, item in enumerate(arrays)}
    expected = {name for name, item in named.items() if np.may_share_memory(item, array)}
    found = Overlaps(named).of(array)
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_other_memory_is_not_found() -> None:
    assert Overlaps({"a": MEMORY, "b": MEMORY[3:7]}).of(np.zeros(3)) == []
