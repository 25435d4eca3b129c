"""The types of the attributes that ops carry.

Scalars are strict (no `true` for 1, no `"3"` for 3); sequences are read from JSON arrays and kept as tuples.
"""

import math
import re
from typing import Annotated, Any, TypeAlias

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import core_schema

from asg_schema.dims import Dim, dim_to_json
from asg_schema.tensor_type import MOST_AXES

__all__ = [
    "LONGEST_IDENTIFIER",
    "NAME_PATTERN",
    "Axes",
    "Axis",
    "Identifier",
    "Name",
    "Number",
    "Reference",
    "Scalar",
    "Shape",
    "encode_number",
    "encode_shape",
    "is_identifier",
    "is_name",
]

_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _explained(code: str, message: str) -> GetPydanticSchema:
    """One readable error in place of whatever Pydantic says of a type."""

    def schema(source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.custom_error_schema(handler(source), custom_error_type=code, custom_error_message=message)

    return GetPydanticSchema(schema)


LONGEST_IDENTIFIER = 255
"""The most characters of an id."""

_IDENTIFIER = rf"[A-Za-z_][A-Za-z0-9_./\-]{{0,{LONGEST_IDENTIFIER - 1}}}"

Identifier: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=f"^{_IDENTIFIER}$", strict=True),
    _explained("identifier", "an id is a letter or _ followed by at most 254 letters, digits, _ . / or -"),
]
"""The id of an input, a parameter or a node."""

NAME_PATTERN = r"[^\x00-\x1f\x7f-\x9f]{1,255}"

Name: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME_PATTERN}$", strict=True),
    _explained("name", "a name has 1 to 255 characters, none of them a control character"),
]
"""The name of a document, a function or an output."""

Reference: TypeAlias = Annotated[str, StringConstraints(max_length=264, strict=True)]
"""The name of a value: `id` for an op's first result, `id:1`, `id:2` for its others."""

Shape: TypeAlias = Annotated[tuple[Dim, ...], Field(max_length=MOST_AXES, fail_fast=True)]
"""One dim for each axis."""

Axis: TypeAlias = Annotated[int, Field(strict=True, ge=-MOST_AXES, lt=MOST_AXES)]
"""An axis; negative ones count from the end."""

Axes: TypeAlias = Annotated[tuple[Axis, ...], Field(max_length=MOST_AXES, fail_fast=True)]
"""Several axes; negative ones count from the end."""

_match_identifier = re.compile(_IDENTIFIER).fullmatch
_match_name = re.compile(NAME_PATTERN).fullmatch


def is_identifier(text: str) -> bool:
    """Whether `text` may be the id of an input, a parameter or a node."""
    return _match_identifier(text) is not None


def is_name(text: str) -> bool:
    """Whether `text` may be the name of a document, a function or an output."""
    return _match_name(text) is not None


def encode_number(value: float) -> float | str:
    """A float as JSON has it: itself, or `"inf"`, `"-inf"`, `"nan"`."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def encode_shape(shape: tuple[Any, ...]) -> list[Any]:
    """A shape as JSON has it."""
    return [dim_to_json(dim) for dim in shape]


def _decode_number(value: float | str) -> float:
    return _NON_FINITE[value] if isinstance(value, str) else float(value)


Number: TypeAlias = Annotated[
    float,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_after_validator_function(
            _decode_number,
            core_schema.union_schema(
                [core_schema.float_schema(strict=True), core_schema.literal_schema(list(_NON_FINITE))],
                mode="left_to_right",
                custom_error_type="number",
                custom_error_message='a number, "inf", "-inf" or "nan" is needed',
            ),
        )
    ),
    PlainSerializer(encode_number),
    WithJsonSchema({"title": "Number", "oneOf": [{"type": "number"}, {"enum": list(_NON_FINITE)}]}),
]
"""A float. In JSON the non-finite ones are the strings `"inf"`, `"-inf"` and `"nan"`."""

Scalar: TypeAlias = Annotated[
    StrictBool | StrictInt | Number,
    _explained("scalar", 'a number, true, false, "inf", "-inf" or "nan" is needed'),
]
"""A value of any dtype."""
