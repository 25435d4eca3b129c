"""`AnyOp`: a node of a document, whichever op it is; `Function`: a function of a document as JSON has it."""

from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

from pydantic import BaseModel, ConfigDict, Field

from asg_schema.attributes import Name
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.parts import Input, Output

__all__ = ["AnyOp", "Function"]

if TYPE_CHECKING:
    AnyOp: TypeAlias = Op
else:
    AnyOp = Annotated[Union[tuple(OPS.values())], Field(discriminator="op")]  # noqa: UP007 - the members are computed


class Function(BaseModel):
    """A graph that nodes of the document call. It is closed: what it uses is passed in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: tuple[Input, ...] = Field(min_length=1, description="What it is given; without roles.")
    nodes: tuple[AnyOp, ...] = ()
    outputs: tuple[Output, ...] = Field(min_length=1, description="What it answers; without roles.")
    vjp: Name | None = Field(
        default=None,
        description="The function that pulls cotangents back through it: of its inputs, its outputs, and a cotangent "
        "for each floating-point output; it answers one for each floating-point input.",
    )
