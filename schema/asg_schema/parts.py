"""The parts of a document that are not nodes: inputs, parameters and outputs."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from asg_schema.attributes import Identifier, Name, Reference, Shape
from asg_schema.dtype import DType
from asg_schema.initializers import Initializer, Zeros
from asg_schema.roles import InputRole, OutputRole
from asg_schema.tensor_type import MOST_AXES, TensorType

__all__ = ["Input", "Output", "Parameter"]

_PART = ConfigDict(extra="forbid", frozen=True)


class Input(BaseModel):
    """A value that comes in with each run."""

    model_config = _PART

    id: Identifier
    dtype: DType
    shape: Shape
    role: InputRole | None = Field(default=None, description="What the input is for; absent: data.")

    @property
    def type(self) -> TensorType:
        """The dtype and shape."""
        return TensorType(self.dtype, self.shape)


class Parameter(BaseModel):
    """A value that the executor keeps between runs. Its shape is known; its weights are never in the document."""

    model_config = _PART

    id: Identifier
    dtype: DType
    shape: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field(max_length=MOST_AXES, fail_fast=True)
    ]
    init: Initializer = Field(default=Zeros(), description="How the parameter gets its first value; absent: zeros.")
    trainable: StrictBool = Field(default=True, description="Whether optimizers change it.")

    @property
    def type(self) -> TensorType:
        """The dtype and shape."""
        return TensorType(self.dtype, self.shape)


class Output(BaseModel):
    """A value that the document gives a name to the outside."""

    model_config = _PART

    name: Name
    value: Reference
    role: OutputRole | None = Field(default=None, description="What the output is for; absent: a value.")
