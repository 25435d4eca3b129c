"""Long lists of numbers in JSON, read as arrays without an object for each number.

`without_numbers` takes them out of a text; what is left is short, and is read as any other JSON. Whatever is in the
least unusual is left where it is, for a reader that says what is wrong with it.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import simdjson

from asg_executor.plan.arrays import Array, numpy_dtype
from asg_schema.dtype import DType

__all__ = ["Numbers", "ShortText", "put_back", "without_numbers"]

_LONG = 256  # bytes: a list of fewer is read as quickly in the usual way
_MOST_LISTS = 4_096
_EXACT = 2.0**53  # integers of less are doubles exactly
_MARK = f"numbers {secrets.token_hex(16)} "  # nobody can know it, and send it
_FRACTION = re.compile(rb"[.eE]")


class Numbers:
    """A list of numbers in a JSON text.

    Args:
        text: the list's own text.
        doubles: the numbers, each rounded to the nearest double, as Python reads it.
    """

    __slots__ = ("doubles", "text")

    def __init__(self, text: bytes, doubles: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
        self.text = text
        self.doubles = doubles

    def array(self, dtype: DType) -> Array | None:
        """The numbers in a dtype; None where one of them is not of it, or is beyond its range.

        Args:
            dtype: the dtype: a bool is no number, and an integer is written without a point or an exponent.
        """
        if dtype.is_floating:
            with np.errstate(over="ignore"):
                array = self.doubles.astype(numpy_dtype(dtype), copy=False)
            return array if np.isfinite(array).all() else None
        if not dtype.is_integer or _FRACTION.search(self.text) or not self.doubles.size:
            return None
        low, high = dtype.integer_range
        least, most = float(self.doubles.min()), float(self.doubles.max())
        if least <= -_EXACT or most >= _EXACT or least < low or most > high:
            return None
        return self.doubles.astype(numpy_dtype(dtype))


class ShortText(NamedTuple):
    """A JSON text without its long lists of numbers.

    Attributes:
        text: the text, with a string in the place of each of them.
        numbers: the lists, in order.
    """

    text: bytes
    numbers: Sequence[Numbers]

    def numbers_at(self, value: Any) -> Numbers | None:
        """The list in whose place a value stands; None where it is any other."""
        if type(value) is str and value.startswith(_MARK):
            return self.numbers[int(value[len(_MARK) :])]
        return None


def without_numbers(text: bytes) -> ShortText | None:
    """Take the long lists of numbers out of a JSON text; None where it has none.

    The text need not be JSON. Two brackets of a string may look like a list: whoever reads the rest has to find all
    lists again, each as a value (`ShortText.numbers_at`), or else to read the whole text in the usual way.
    """
    if len(text) < _LONG:
        return None
    pieces: list[bytes] = []
    found: list[Numbers] = []
    parser = simdjson.Parser()
    begin = after = 0
    for _ in range(_MOST_LISTS):
        close = text.find(b"]", after)
        if close < 0:
            break
        # A list of numbers has no bracket within; so no byte is looked at twice, whatever the text is.
        opening, after = text.rfind(b"[", after, close), close + 1
        if opening < 0 or after - opening < _LONG:
            continue
        numbers = _numbers(parser, text[opening:after])
        if numbers is not None:
            pieces += [text[begin:opening], b'"%s%d"' % (_MARK.encode(), len(found))]
            found.append(numbers)
            begin = after
    if not found:
        return None
    return ShortText(b"".join([*pieces, text[begin:]]), found)


def _numbers(parser: simdjson.Parser, text: bytes) -> Numbers | None:
    """The list that a text is; None where it has anything but numbers."""
    try:
        parsed = parser.parse(text)
        doubles = np.frombuffer(cast("simdjson.Array", parsed).as_buffer(of_type="d"), np.float64)
    except (ValueError, TypeError, RuntimeError):  # as simdjson's different errors are
        return None
    return Numbers(text, doubles)


def put_back(short: ShortText, value: Any) -> int:
    """Put the lists of numbers into a value that was read from a short text, where they stood.

    Args:
        short: the text.
        value: what was read; a list or an object of it is changed.

    Returns:
        How many lists found their place.
    """
    count = 0
    left: list[Any] = [value]
    for item in left:  # which grows on the way
        entries: Any = ()
        if type(item) is dict:
            entries = cast("dict[str, Any]", item).items()
        elif type(item) is list:
            entries = enumerate(cast("list[Any]", item))
        for key, entry in list(entries):
            numbers = short.numbers_at(entry)
            if numbers is not None:
                item[key] = numbers
                count += 1
            elif type(entry) in (dict, list):
                left.append(entry)
    return count
