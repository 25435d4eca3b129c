"""Roles: what an input or an output is for, where it is more than data."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictStr

__all__ = [
    "CotangentRole",
    "GradientRole",
    "InputRole",
    "LossScaleRole",
    "MetricRole",
    "OutputRole",
    "RngKeyRole",
    "StateUpdateRole",
    "TangentRole",
]

_ROLE = ConfigDict(extra="forbid", frozen=True)


class RngKeyRole(BaseModel):
    """A key for random numbers, uint32[2]. A session derives it from its seed and the number of the step."""

    model_config = _ROLE
    kind: Literal["rng_key"] = "rng_key"


class CotangentRole(BaseModel):
    """The cotangent of an output: what `vjp` starts from."""

    model_config = _ROLE
    kind: Literal["cotangent"] = "cotangent"
    of: StrictStr


class TangentRole(BaseModel):
    """As an input, the tangent of an input or parameter; as an output, the tangent of an output."""

    model_config = _ROLE
    kind: Literal["tangent"] = "tangent"
    of: StrictStr


class LossScaleRole(BaseModel):
    """What the gradients of a document are multiplied by, so that they do not underflow in 16 bits: floating, rank 0.

    A session gives it, divides the gradients by it, and adapts it to them. A document has at most one.
    """

    model_config = _ROLE
    kind: Literal["loss_scale"] = "loss_scale"


class GradientRole(BaseModel):
    """The gradient of the output `of` with respect to the input or parameter `wrt`."""

    model_config = _ROLE
    kind: Literal["gradient"] = "gradient"
    of: StrictStr
    wrt: StrictStr


class StateUpdateRole(BaseModel):
    """The next value of the parameter `of`; a session's step commits it."""

    model_config = _ROLE
    kind: Literal["state_update"] = "state_update"
    of: StrictStr


class MetricRole(BaseModel):
    """A figure to be watched."""

    model_config = _ROLE
    kind: Literal["metric"] = "metric"


InputRole: TypeAlias = Annotated[RngKeyRole | CotangentRole | TangentRole | LossScaleRole, Field(discriminator="kind")]
OutputRole: TypeAlias = Annotated[
    GradientRole | StateUpdateRole | MetricRole | TangentRole, Field(discriminator="kind")
]
