"""Plain JSON is read quickly and as the standard library reads it; all else is left to it."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_schema.errors import DocumentError
from asg_schema.quick_json import NotPlainError, read_plain_json
from asg_schema.wire import parse_json

TEXTS = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"]), max_size=4)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS_ENOUGH = {"numbers": list(range(100))}
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(NUMBERS) | st.lists(st.lists(NUMBERS)) | st.lists(inner) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
@example([[1, 2], []])
@example([[], [1.5]])
@example([1, True])
def test_it_is_read_as_by_the_standard_library(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    padded = text + " " * 16 * text.count('"')  # so that it is not mostly strings
    # The texts differ where -0.0 became 0, an integer a float, or a float another one.
    with suppress(NotPlainError):  # lists of numbers and other things are left to the standard library
        assert json.dumps(read_plain_json(padded), ensure_ascii=False) == text
    assert json.dumps(parse_json(padded.encode()), ensure_ascii=False) == text
    assert json.dumps(parse_json(text), ensure_ascii=False) == text


@pytest.mark.parametrize("value", [{"a": [1.5, 2], "b": [[0.1, -0.0], [1e-300, 1]], "c": "é"}, [True, False], [], ""])
def test_what_is_plain_is_read_at_once(value: Any) -> None:
    text = json.dumps({"value": value, **NUMBERS_ENOUGH}, ensure_ascii=False)
    assert read_plain_json(text.encode()) == {"value": value, **NUMBERS_ENOUGH}


def test_a_text_that_is_mostly_strings_is_not_plain() -> None:
    with pytest.raises(NotPlainError):
        read_plain_json('{"a": "b"}')


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '[{"b": {"a": [1, 2], "a": [1, 2]}}]',
        '{"": 1, "": 1}',
        '{"a": {"b": "c"}, "a": {"b": "c"}}',
        '{"a": 1, "\\u0061": 2}',
        "[NaN]",
        "-Infinity",
        "[1, 1e999]",
        "[[1, 2], [3, -1e999]]",
        "[1e999, -1e999]",
        '{"a": 1e999}',
        "[true, 1e999]",
        '[1, {"a": 1, "a": 1}]',
        '[[1], [{"a": 1, "a": 1}]]',
        "[1, [1e999]]",
        "[1, null, 1e999]",
        '"\\ud800"',
        "[1,]",
        "1 2",
        "",
        "[" * 100_000,
        "1" * 5000,
        "[1" + "0" * 400 + ".0]",
        "01",
        "\ufeff1 1",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_refused_is_not_plain(text: str) -> None:
    padded = text + " " * 1000  # so that it is not mostly strings
    for content in (text, text.encode(), padded, padded.encode()):
        with pytest.raises(NotPlainError):
            read_plain_json(content)
        with pytest.raises(DocumentError):
            parse_json(content)


@given(st.binary(max_size=12) | st.text('{}[]",:01.e-+ aNn\\', max_size=12).map(str.encode))
@example(b'"\xff"')
@example(b'"\xed\xa0\x80"')
@example(b'["\x00"]')
def test_no_text_is_plain_that_the_standard_library_refuses(text: bytes) -> None:
    try:
        value = read_plain_json(text + b" " * 200)
    except NotPlainError:
        return
    assert json.dumps(value) == json.dumps(json.loads(text.decode()))
