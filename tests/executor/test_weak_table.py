"""What is known of an object is forgotten with it."""

import gc

from asg_executor.weak_table import WeakTable


class Thing:
    """Something that can be referred to weakly."""


def test_what_is_set_is_found_until_the_object_is_gone() -> None:
    table: WeakTable[Thing, int] = WeakTable()
    one, other = Thing(), Thing()
    table.set(one, 1)
    table.set(one, 2)
    table.set(other, 3)
    assert (table.get(one), table.get(other), table.get(Thing())) == (2, 3, None)
    del one
    gc.collect()
    assert len(table) == 1
    assert table.get(other) == 3
