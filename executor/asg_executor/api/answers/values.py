"""What stands in many answers: tensors, digests, times, figures."""

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from asg_schema.dtype import DType

__all__ = ["CLOSED", "Count", "Digest", "Figure", "Id", "StateReference", "Step", "Tensor", "TensorShape", "Time"]

CLOSED = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""The configuration of every answer: it has no other fields, and what stands below a field describes it."""

Count: TypeAlias = Annotated[int, Field(ge=0)]
"""How many, or how many bytes."""

Step: TypeAlias = Annotated[int, Field(ge=0)]
"""The number of a session's step; 0 before the first."""

Digest: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 in hexadecimal."""

Id: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
"""The id of a session or of a job."""

Time: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""A time, as RFC 3339 writes it, in UTC."""

Figure: TypeAlias = float | Literal["nan", "inf", "-inf"]
"""A number. One that is not finite is a text."""

TensorShape: TypeAlias = list[Count]
"""The sizes of a tensor's axes."""


@with_config(CLOSED)
class Tensor(TypedDict):
    """A tensor."""

    dtype: DType
    """The type of its elements."""

    shape: TensorShape
    """The sizes of its axes."""

    data: list[Figure | bool]
    """Its elements, flat and row-major. A float that is not finite is a text."""


@with_config(CLOSED)
class StateReference(TypedDict):
    """Which state a session is in now."""

    step: Step
    """The number of its last step."""

    digest: Digest
    """The digest of its state."""
