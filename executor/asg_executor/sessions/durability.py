"""What of a session is on disk when a step is acknowledged."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from asg_executor.sessions.errors import SessionError
from asg_schema.wire import validation_problems

__all__ = ["Durability", "SnapshotEvery", "parse_durability"]


class SnapshotEvery(BaseModel):
    """A snapshot after every so many steps: a crash takes back the steps since the last one.

    Attributes:
        snapshot_every: how many steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    snapshot_every: Annotated[int, Field(ge=1)]


Durability: TypeAlias = Literal["every_step", "checkpoint_only"] | SnapshotEvery
"""`every_step`: each step, before it is acknowledged. `checkpoint_only`: checkpoints, and the state at the server's own
end; a crash takes back the steps since."""

_ADAPTER: TypeAdapter[Durability] = TypeAdapter(Durability)


def parse_durability(source: Any) -> Durability:
    """The durability that a JSON form describes.

    Raises:
        SessionError: with every fault of the form, each with its JSON Pointer from `/durability` on.
    """
    try:
        return _ADAPTER.validate_python(source)
    except ValidationError as error:
        raise SessionError(validation_problems(error, source, ("durability",))) from None
