"""How a parameter gets its first value. The definitions are those of `torch.nn.init`.

The fans of a parameter of shape `[out, in, *kernel]` are `fan_in = in · prod(kernel)` and
`fan_out = out · prod(kernel)`.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from asg_schema.attributes import Number

__all__ = [
    "Constant",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
]

_INITIALIZER = ConfigDict(extra="forbid", frozen=True)
Nonlinearity: TypeAlias = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


class Zeros(BaseModel):
    """All zero."""

    model_config = _INITIALIZER
    kind: Literal["zeros"] = "zeros"


class Ones(BaseModel):
    """All one."""

    model_config = _INITIALIZER
    kind: Literal["ones"] = "ones"


class Constant(BaseModel):
    """All `value`."""

    model_config = _INITIALIZER
    kind: Literal["constant"] = "constant"
    value: Number


class Uniform(BaseModel):
    """Uniform in [low, high)."""

    model_config = _INITIALIZER
    kind: Literal["uniform"] = "uniform"
    low: Number = 0.0
    high: Number = 1.0


class Normal(BaseModel):
    """Normal with this mean and standard deviation."""

    model_config = _INITIALIZER
    kind: Literal["normal"] = "normal"
    mean: Number = 0.0
    std: Number = 1.0
    zero_row: Annotated[int, Field(strict=True, ge=0, lt=2**63)] | None = Field(
        default=None,
        description="The index along the first axis whose elements are 0 instead, such as that of padding in an "
        "embedding.",
    )


class TruncatedNormal(BaseModel):
    """Normal with this mean and standard deviation, drawn again until it lies in [low, high]."""

    model_config = _INITIALIZER
    kind: Literal["truncated_normal"] = "truncated_normal"
    mean: Number = 0.0
    std: Number = 1.0
    low: Number = -2.0
    high: Number = 2.0


class XavierUniform(BaseModel):
    """Uniform in ±gain · sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    model_config = _INITIALIZER
    kind: Literal["xavier_uniform"] = "xavier_uniform"
    gain: Number = 1.0


class XavierNormal(BaseModel):
    """Normal with std = gain · sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    model_config = _INITIALIZER
    kind: Literal["xavier_normal"] = "xavier_normal"
    gain: Number = 1.0


class KaimingUniform(BaseModel):
    """Uniform in ±gain · sqrt(3 / fan), where gain follows the nonlinearity and `a` (He et al., 2015).

    `a` is the negative slope where the nonlinearity is `leaky_relu`.
    """

    model_config = _INITIALIZER
    kind: Literal["kaiming_uniform"] = "kaiming_uniform"
    a: Number = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


class KaimingNormal(BaseModel):
    """Normal with std = gain / sqrt(fan), where gain follows the nonlinearity and `a` (He et al., 2015).

    `a` is the negative slope where the nonlinearity is `leaky_relu`.
    """

    model_config = _INITIALIZER
    kind: Literal["kaiming_normal"] = "kaiming_normal"
    a: Number = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


class Orthogonal(BaseModel):
    """A (semi-)orthogonal matrix times gain; axes after the first are flattened (Saxe et al., 2013)."""

    model_config = _INITIALIZER
    kind: Literal["orthogonal"] = "orthogonal"
    gain: Number = 1.0


Initializer: TypeAlias = Annotated[
    Zeros
    | Ones
    | Constant
    | Uniform
    | Normal
    | TruncatedNormal
    | XavierUniform
    | XavierNormal
    | KaimingUniform
    | KaimingNormal
    | Orthogonal,
    Field(discriminator="kind"),
]
