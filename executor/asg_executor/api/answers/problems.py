"""What every error is answered with."""

from typing import Annotated, NotRequired, TypeAlias

from pydantic import Field, with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.values import CLOSED, Count, Digest, Step
from asg_executor.api.problems import KINDS

__all__ = ["BodyProblem", "Problem"]

_Code: TypeAlias = Annotated[str, Field(json_schema_extra={"enum": list(KINDS)})]


@with_config(CLOSED)
class BodyProblem(TypedDict):
    """A fault of a request's body."""

    pointer: str
    """Where it is: a JSON Pointer into the body."""

    code: str
    """What kind of fault it is."""

    message: str
    """What is wrong and what would be right."""


@with_config(CLOSED)
class Problem(TypedDict):
    """A problem document (RFC 9457)."""

    type: str
    """Where the documentation has the code."""

    title: str
    """What all problems of the code have in common."""

    status: Annotated[int, Field(ge=400, le=599)]
    """The HTTP status."""

    detail: str
    """What is wrong and what would be right."""

    instance: str
    """The path of the request."""

    code: _Code
    """What kind of problem it is."""

    request_id: str
    """The request's id, which the server's log has, too."""

    retryable: bool
    """Whether the same request may succeed later."""

    error: str
    """The detail once more."""

    problems: NotRequired[list[BodyProblem]]
    """The faults of the body."""

    expected_step: NotRequired[Step]
    """The number of the session's next step."""

    expected_part: NotRequired[Count]
    """The number of the step's next part."""

    digest: NotRequired[Digest]
    """The digest of the present state, which `If-Match` does not name."""

    limit: NotRequired[str]
    """The limit that is exceeded, as `/v1` names it."""

    value: NotRequired[int]
    """How much it would have been."""

    quota: NotRequired[str]
    """The quota that is exceeded, as `/v1/access` names it."""

    used: NotRequired[Count]
    """How much of the quota is used."""

    wanted: NotRequired[Count]
    """How much more was asked for."""

    maximum: NotRequired[int]
    """How much may be."""
