"""What a stranger may send: it is refused with a message, and quickly."""

from collections.abc import Iterable
from typing import Any

import pytest

from asg_schema import Document, DocumentError
from asg_schema.wire import nearest


def message(text: str | bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        Document.from_json(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "/: not valid JSON: the text is empty"),
        (b" \n", "/: not valid JSON: the text is empty"),
        ("{", "/: not valid JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[]", "/: a document is a JSON object, not a list"),
        ("null", "/: a document is a JSON object, not null"),
        (b'{"asg": 1, "name": "\xff"}', "/: the text is not UTF-8: byte 20 is 0xff"),
        ('{"asg": 1, "name": "\ud800"}', "/: a string holds half of a surrogate pair, which is no character"),
        (r'{"asg": 1, "name": "\ud800"}', "/: a string holds half of a surrogate pair, which is no character"),
        (r'{"asg": 1, "metadata": {"\uDFFF": 1}}', "/: a string holds half of a surrogate pair, which is no character"),
        ('{"asg": 1, "asg": 1}', '/: the key "asg" stands twice in one object'),
        ('{"asg": 1, "metadata": {"a": NaN}}',
         '/: NaN is not JSON; a non-finite number is written as the string "nan"'),
        ('{"asg": 1, "metadata": {"a": -Infinity}}',
         '/: -Infinity is not JSON; a non-finite number is written as the string "-inf"'),
        ('{"asg": 1, "metadata": {"a": 1e999}}',
         '/: the number 1e999 is too large; infinity is written as the string "inf" or "-inf"'),
        ('{"asg": 1, "metadata": {"a": ' + "9" * 5000 + "}}", "/: an integer has more than 4300 digits"),
        ("[" * 100_000, "/: the JSON is nested too deep"),
        ('{"a":' * 100_000, "/: the JSON is nested too deep"),
        ('{"asg": 9' + "9" * 50 + "}",
         "/asg: the document has format version an integer of 170 bits; this reader knows versions up to 1"),
    ],
)  # fmt: skip
def test_text_that_is_no_document(text: str | bytes, expected: str) -> None:
    assert message(text) == expected


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert Document.from_json(r'{"asg": 1, "name": "\ud83d\ude00"}').name == "😀"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert Document.from_json(b'\xef\xbb\xbf{"asg": 1}').name == "graph"


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES: list[dict[str, Any]] = [
    {"asg": 1, "metadata": {"a": nested(900)}},
    {"asg": 1, "nodes": nested(900)},
    {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": nested(900)}]},
    {"asg": 1, "nodes": [{"id": "x", "op": "constant", "dtype": "int64", "shape": [1], "value": nested(900)}]},
    {"asg": 1, "nodes": [{"id": "x", "op": {"a": nested(900)}}]},
    {"asg": 1, "nodes": [{"id": "x", "op": "exp", "\ud800": 1}]},
    {"asg": 1, "name": "\ud800"},
    {"asg": 10**5000},
    {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": [10**5000]}]},
    {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": [{"mul": ["n", 10**5000]}]}]},
    {"asg": 1, "nodes": [{"id": "x", "op": "full", "dtype": "float64", "shape": [], "value": 10**5000}]},
    {"asg": 1, "nodes": [{"id": "x" * 100_000, "op": "y" * 100_000, "z" * 100_000: 1}]},
]


@pytest.mark.parametrize("source", ODD_VALUES)
def test_odd_json_values_are_refused_with_short_messages(source: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    for problem in caught.value.problems:
        assert len(problem.message) < 400
        assert "\n" not in problem.message


def reshape(dims: list[Any]) -> dict[str, Any]:
    return {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": dims}],
        "nodes": [{"id": "y", "op": "reshape", "inputs": ["x"], "shape": [2]}],
    }


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        ([{"add": [f"a{i}", f"b{i}"]} for i in range(60)], "more than 128 terms"),  # the size has 2⁶⁰
        ([{"mul": ["n"] * 100_000}], "more than 64 factors"),
        ([{"add": [f"s{i}" for i in range(2000)]}], "more than 128 terms"),
        ([f"s{i}" for i in range(100_000)], "at most 64 entries are allowed"),
    ],
)
def test_dims_cannot_be_made_expensive(dims: list[Any], expected: str) -> None:
    with pytest.raises(DocumentError, match=expected):
        Document.from_dict(reshape(dims))


LARGE = 2**62


@pytest.mark.parametrize(
    ("section", "shape"),
    [("inputs", [LARGE, 2]), ("inputs", [0, LARGE, LARGE]), ("inputs", [LARGE] * 64), ("parameters", [LARGE, 2])],
)
def test_a_value_with_more_elements_than_can_be_counted_is_one_problem(section: str, shape: list[int]) -> None:
    item = {"id": "x", "dtype": "float32", "shape": shape}
    with pytest.raises(DocumentError) as caught:
        Document.from_dict({"asg": 1, section: [item], "nodes": [{"id": "y", "op": "exp", "inputs": ["x"]}]})
    kind = section.removesuffix("s")
    assert str(caught.value) == f'/{section}/0/shape: {kind} "x": its shape has more than 2**63 - 1 elements'


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("concat", {}),
        ("pad", {"low": [LARGE], "high": [0]}),
        ("pad", {"low": [0], "high": [0], "interior": [LARGE]}),
        ("broadcast_to", {"shape": [4, LARGE]}),
    ],
)
def test_a_result_with_more_elements_than_can_be_counted_is_refused(op: str, attributes: dict[str, Any]) -> None:
    node = {"id": "y", "op": op, "inputs": ["x"] * (3 if op == "concat" else 1), **attributes}
    inputs = [{"id": "x", "dtype": "float32", "shape": [LARGE]}]
    with pytest.raises(DocumentError) as caught:
        Document.from_dict({"asg": 1, "inputs": inputs, "nodes": [node]})
    assert str(caught.value) == f'/nodes/0: node "y" ({op}): the result would have more than 2**63 - 1 elements'


@pytest.mark.parametrize(
    ("module", "node"),
    [
        ("validation", {"op": "exp", "inputs": ["other"]}),
        ("reading", {"op": "exp_", "inputs": []}),
    ],
)
def test_names_are_compared_only_for_problems_that_are_told(
    monkeypatch: pytest.MonkeyPatch, module: str, node: dict[str, Any]
) -> None:
    compared: list[list[str]] = []

    def counting(name: str, known: Iterable[str]) -> str:
        compared.append(list(known))
        return ""

    monkeypatch.setattr(f"asg_schema.{module}.nearest", counting)
    with pytest.raises(DocumentError) as caught:
        Document.from_dict({"asg": 1, "nodes": [{"id": f"n{i}", **node} for i in range(1000)]})
    assert caught.value.more == 900
    assert sum(1 for known in compared if known) <= 100


def test_a_name_is_compared_with_few_others() -> None:
    names = [f"value_{i}" for i in range(1000)]
    assert nearest("value_1", names) == '; did you mean "value_1"?'
    assert nearest("a" * 81, ["a" * 80]) == ""
    assert nearest("", names) == ""
    assert nearest("value_x", iter(names)).startswith("; did you mean")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"axis": [0] * 200_000}, "axis is a list; at most 64 entries are allowed, not 200000"),
        ({"axis": list(range(200_000))}, "axis entry 64 is 64; less than 64 is needed"),
        ({"axis": ["a"] * 200_000}, 'axis entry 0 is "a"; an integer is needed'),
        ({f"field{number}": 1 for number in range(50_000)}, "more than 1,000 fields that no document has"),
        ({"metadata": dict.fromkeys(map(str, range(50_000)), 1)}, "more than 1,000 fields that no document has"),
        ({"inputs": ["x"] * 200_000}, "takes 1 operand (x), not 200000"),
        ({"inputs": [1] * 200_000}, "inputs entry 0 is 1; a string is needed"),
    ],
)
def test_many_faults_of_one_kind_are_one_short_problem(fields: dict[str, Any], expected: str) -> None:
    node = {"id": "y", "op": "sum", "inputs": ["x"], **fields}
    with pytest.raises(DocumentError) as caught:
        Document.from_dict({"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": [2]}], "nodes": [node]})
    (problem,) = caught.value.problems
    assert expected in problem.message
    assert len(str(caught.value)) < 400


def test_surplus_fields_that_are_few_are_told_one_by_one_and_counted() -> None:
    node = {"id": "y", "op": "exp", "inputs": ["x"], **{f"field{number}": 1 for number in range(500)}}
    with pytest.raises(DocumentError) as caught:
        Document.from_dict({"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": []}], "nodes": [node]})
    assert (len(caught.value.problems), caught.value.more) == (100, 400)
