import numpy as np
import pytest

from asg_executor.errors import InterfaceError, SymbolError
from asg_executor.plan.binding import bind_shape, bind_symbols, check_names
from asg_schema.dims import dim_from_json
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType


def declared(*dims: object, dtype: DType = DType.FLOAT32) -> TensorType:
    return TensorType(dtype, tuple(dim_from_json(dim) for dim in dims))


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def test_symbols_come_from_the_arrays_that_bear_them() -> None:
    types = {"x": declared("batch", 3), "y": declared("seq", "batch")}
    assert bind_symbols(types, {"x": zeros(2, 3), "y": zeros(5, 2)}) == {"batch": 2, "seq": 5}


def test_a_linear_expression_is_solved_whatever_order_the_arrays_come_in() -> None:
    types = {
        "flat": declared({"mul": ["batch", "heads", 4]}),
        "shifted": declared({"add": [{"mul": ["heads", 2]}, 1]}),
        "x": declared("batch"),
    }
    assert bind_symbols(types, {"flat": zeros(24), "shifted": zeros(7), "x": zeros(2)}) == {"batch": 2, "heads": 3}


def test_each_array_may_determine_what_the_one_before_it_needs() -> None:
    """Looking through all arrays once for each symbol would take minutes here."""
    count = 5000
    types = {f"x{i}": declared({"add": [f"s{i}", f"s{i + 1}"]}) for i in reversed(range(count))}
    types["first"] = declared("s0")
    arrays = {name: zeros(3 if name == "first" else 5) for name in types}
    values = bind_symbols(types, arrays)
    assert [values[f"s{i}"] for i in range(count + 1)] == [3 if i % 2 == 0 else 2 for i in range(count + 1)]


@pytest.mark.parametrize(
    ("types", "arrays", "said"),
    [
        ({"x": declared("n", 3)}, {"x": zeros(2, 4)}, ['"x" is float32[2, 4]', "float32[n, 3]"]),
        ({"x": declared("n")}, {"x": zeros(2, dtype="float64")}, ['"x" is float64[2]', "float32[n]"]),
        ({"x": declared("n")}, {"x": zeros(2, dtype="complex64")}, ['"x" is complex64[2]', "float32[n]"]),
        ({"x": declared("n")}, {"x": zeros(2, 1)}, ['"x" is float32[2, 1]', "float32[n]"]),
    ],
)
def test_an_array_that_does_not_fit_is_named_with_both_types(
    types: dict[str, TensorType], arrays: dict[str, np.ndarray], said: list[str]
) -> None:
    with pytest.raises(InterfaceError) as error:
        bind_symbols(types, arrays)
    for part in said:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("types", "arrays", "said"),
    [
        (
            {"x": declared("n"), "y": declared("n")},
            {"x": zeros(2), "y": zeros(3)},
            ['axis 0 of "y" float32[n] has size 3', 'n is 2 by axis 0 of "x"'],
        ),
        (
            {"x": declared("n"), "y": declared({"mul": ["n", 4]})},
            {"x": zeros(2), "y": zeros(9)},
            ["has size 9", "n*4 is 8", "n is 2"],
        ),
        ({"y": declared({"mul": ["n", 4]})}, {"y": zeros(9)}, ["has size 9", "no n of at least 0"]),
        ({"y": declared({"add": ["n", 4]})}, {"y": zeros(3)}, ["has size 3", "no n of at least 0"]),
        ({"y": declared({"mul": ["n", "n"]})}, {"y": zeros(9)}, ["does not determine n"]),
        ({"y": declared({"floordiv": ["n", 2]})}, {"y": zeros(9)}, ["does not determine n"]),
        ({"y": declared({"mul": ["n", "m"]})}, {"y": zeros(9)}, ["does not determine m, n"]),
    ],
)
def test_symbols_that_contradict_or_stay_unknown_are_named(
    types: dict[str, TensorType], arrays: dict[str, np.ndarray], said: list[str]
) -> None:
    with pytest.raises(SymbolError) as error:
        bind_symbols(types, arrays)
    for part in said:
        assert part.replace("n*4", "4*n") in str(error.value) or part in str(error.value)


def test_a_factor_that_turns_out_to_be_zero_leaves_the_other_undetermined() -> None:
    types = {"x": declared("n"), "y": declared({"mul": ["n", "m"]})}
    with pytest.raises(SymbolError, match="does not determine m"):
        bind_symbols(types, {"x": zeros(0), "y": zeros(0)})


def test_a_division_is_checked_once_its_symbols_are_known() -> None:
    types = {"x": declared("n"), "y": declared({"floordiv": ["n", 2]})}
    assert bind_symbols(types, {"x": zeros(7), "y": zeros(3)}) == {"n": 7}
    with pytest.raises(SymbolError, match="has size 4"):
        bind_symbols(types, {"x": zeros(7), "y": zeros(4)})


@pytest.mark.parametrize("rest", [0, "m"])
def test_a_division_by_a_size_of_zero_is_named(rest: object) -> None:
    types = {"x": declared("n"), "y": declared({"add": [{"floordiv": [12, "n"]}, rest]})}
    with pytest.raises(SymbolError, match=r'axis 0 of "y".* divides by zero for n = 0'):
        bind_symbols(types, {"x": zeros(0), "y": zeros(3)})


def test_names_are_checked_both_ways() -> None:
    check_names("input", ["a", "b"], ["b", "a"])
    with pytest.raises(InterfaceError, match='no input "weigth"; did you mean "weight"'):
        check_names("input", ["weigth"], ["weight"])
    with pytest.raises(InterfaceError, match='no parameter "q"; the document declares none'):
        check_names("parameter", ["q"], [])
    with pytest.raises(InterfaceError, match='input "b" is missing'):
        check_names("input", ["a"], ["a", "b"])


@pytest.mark.parametrize(
    ("dim", "values", "said"),
    [
        ("n", {}, 'the symbol "n"'),
        ({"add": ["n", -3]}, {"n": 2}, "is -1 for n = 2"),
        ({"floordiv": [4, "n"]}, {"n": 0}, "divides by zero for n = 0"),
    ],
)
def test_a_shape_that_cannot_be_bound_is_an_error(dim: object, values: dict[str, int], said: str) -> None:
    with pytest.raises(SymbolError, match=said):
        bind_shape('"x"', declared(dim), values)
