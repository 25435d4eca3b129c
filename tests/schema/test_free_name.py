"""The first name that is not taken."""

from itertools import count

from asg_schema.free_name import free_name


def test_the_first_that_is_not_taken() -> None:
    assert free_name("x", {"y", "x2"}) == "x"
    assert free_name("x", {"x"}) == "x2"
    assert free_name("x", ["x", "x2", "x3", "x5"]) == "x4"
    assert free_name("x", {"x": 0, "x.2": 0, "x2": 0}, ".") == "x.3"


def test_numbers_that_were_tried_are_not_tried_again() -> None:
    looked_up: list[str] = []

    class Taken(set[str]):
        def __contains__(self, name: object) -> bool:
            looked_up.append(str(name))
            return super().__contains__(name)

    taken, numbers = Taken({"x"}), count(1)
    for _ in range(100):
        taken.add(free_name("x", taken, "_", numbers))
    assert taken == {"x", *(f"x_{number}" for number in range(1, 101))}
    assert [name for name in looked_up if name != "x"] == [f"x_{number}" for number in range(1, 101)]
