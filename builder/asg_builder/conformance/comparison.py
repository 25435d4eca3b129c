"""Whether a tensor in an answer is what a case expects."""

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from asg_builder.arrays import Array, numpy_dtype
from asg_schema.dtype import DType

__all__ = ["difference"]

_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_FIELDS = ("dtype", "shape", "data")


def difference(answer: Any, expected: Mapping[str, Any]) -> str | None:
    """How a tensor in an answer differs from the expected one, or None where it does not.

    Dtype and shape are equal, and so are integers, bools, and where NaN and the infinities stand. A finite number may
    be off by `absolute` + `relative` · |expected|; the sign of a zero counts where the case says so.

    Args:
        answer: the tensor as JSON has it.
        expected: the tensor as the case has it.
    """
    if not isinstance(answer, dict) or set(cast("dict[str, Any]", answer)) != set(_FIELDS):
        return 'it is no object with exactly the fields "dtype", "shape" and "data"'
    tensor = cast("dict[str, Any]", answer)
    for field in ("dtype", "shape"):
        if tensor[field] != expected[field]:
            return f"its {field} is {tensor[field]}; {expected[field]} is expected"
    data, wanted = tensor["data"], expected["data"]
    if not isinstance(data, list) or len(cast("list[Any]", data)) != len(wanted):
        return f"its data is no flat list of {len(wanted)} elements"
    dtype = DType(expected["dtype"])
    if not dtype.is_floating:
        return _first_unequal(cast("list[Any]", data), wanted, expected["shape"], bool if dtype is DType.BOOL else int)
    return _far(cast("list[Any]", data), dtype, expected)


def _first_unequal(data: list[Any], wanted: list[Any], shape: list[int], kind: type) -> str | None:
    for index, (found, value) in enumerate(zip(data, wanted, strict=True)):
        if type(found) is not kind or found != value:
            return f"{_place(index, shape)} is {_shown(found)}; {_shown(value)} is expected"
    return None


def _far(data: list[Any], dtype: DType, expected: Mapping[str, Any]) -> str | None:
    for index, element in enumerate(data):
        if type(element) not in (int, float) and not (isinstance(element, str) and element in _NON_FINITE):
            return (
                f'{_place(index, expected["shape"])} is {_shown(element)}; a number, "inf", "-inf" or "nan" is needed'
            )
    found, wanted = _numbers(data, dtype), _numbers(expected["data"], dtype)
    relative, absolute = expected.get("relative", 0.0), expected.get("absolute", 0.0)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(found - wanted) <= absolute + relative * np.abs(wanted))
    # inf - inf is NaN, and so is every difference from NaN.
    wrong &= ~((found == wanted) | (np.isnan(found) & np.isnan(wanted)))
    wrong |= np.isfinite(found) & ~np.isfinite(wanted)
    if expected.get("signed_zeros"):
        wrong |= (wanted == 0) & (np.signbit(found) != np.signbit(wanted))
    if not wrong.any():
        return None
    index = int(np.argmax(wrong))
    allowed = absolute + relative * abs(float(wanted[index]))
    margin = f" within {allowed:.1e}" if allowed and math.isfinite(allowed) else ""
    return (
        f"{_place(index, expected['shape'])} is {_shown(data[index])}; "
        f"{_shown(expected['data'][index])}{margin} is expected"
    )


def _numbers(data: list[Any], dtype: DType) -> Array:
    """The numbers, rounded to the dtype, in double precision."""
    doubles = np.array([_NON_FINITE[item] if isinstance(item, str) else float(item) for item in data], np.float64)
    with np.errstate(over="ignore"):
        return doubles.astype(numpy_dtype(dtype)).astype(np.float64)


def _place(index: int, shape: list[int]) -> str:
    """What to call the element of this row-major number."""
    if not shape:
        return "its element"
    return f"its element {[int(place) for place in np.unravel_index(index, shape)]}"


def _shown(value: Any) -> str:
    shown = {True: "true", False: "false", None: "null"}.get(value) if isinstance(value, bool | None) else repr(value)
    return str(shown) if len(str(shown)) <= 40 else f"{str(shown)[:37]}..."
