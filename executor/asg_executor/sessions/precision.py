"""`Precision`: in which dtype a session computes what its documents have in float32."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from asg_executor.sessions.errors import SessionError
from asg_schema.dtype import DType
from asg_schema.wire import validation_problems

__all__ = [
    "LossScaling",
    "MixedPrecision",
    "Precision",
    "PrecisionForm",
    "contraction_dtype",
    "parse_precision",
    "precision_to_json",
]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class LossScaling(BaseModel):
    """How the loss scale follows the gradients, as `torch.amp.GradScaler` has it.

    Attributes:
        init_scale: the scale before the first step.
        growth_factor: what it is multiplied by after `growth_interval` steps in a row with finite gradients.
        backoff_factor: what it is multiplied by after a step whose gradients are not all finite.
        growth_interval: how many steps.
    """

    model_config = _STRICT

    init_scale: Annotated[float, Field(ge=2.0**-126, le=2.0**127)] = 65536.0
    growth_factor: Annotated[float, Field(gt=1.0, allow_inf_nan=False)] = 2.0
    backoff_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    growth_interval: Annotated[int, Field(ge=1, lt=2**63)] = 2000


class MixedPrecision(BaseModel):
    """Contractions of float32 in 16 bits; everything else, parameters and optimizer state too, as it is written.

    Attributes:
        kind: "mixed".
        dtype: the dtype of the contractions' operands and results.
        loss_scaling: how the scale of the loss follows the gradients; absent: with the settings' defaults where `train`
            has an input for a loss scale, and not at all elsewhere.
    """

    model_config = _STRICT

    kind: Literal["mixed"]
    dtype: Literal["bfloat16", "float16"] = "bfloat16"
    loss_scaling: LossScaling | None = None


Precision: TypeAlias = Literal["as_written"] | MixedPrecision
"""`as_written`: in the dtypes of the documents."""

PrecisionForm: TypeAlias = Literal["as_written", "mixed"] | MixedPrecision
"""How a precision may be written: `mixed` is short for that with bfloat16."""

_ADAPTER: TypeAdapter[PrecisionForm] = TypeAdapter(PrecisionForm)


def parse_precision(source: Any) -> Precision:
    """The precision that a JSON form describes.

    Raises:
        SessionError: with every fault of the form, each with its JSON Pointer from `/precision` on.
    """
    try:
        form = _ADAPTER.validate_python(source)
    except ValidationError as error:
        raise SessionError(validation_problems(error, source, ("precision",))) from None
    return form if form == "as_written" or isinstance(form, MixedPrecision) else MixedPrecision(kind="mixed")


def precision_to_json(precision: Precision) -> str | dict[str, Any]:
    """The JSON form, without what is absent."""
    return precision.model_dump(exclude_none=True) if isinstance(precision, MixedPrecision) else precision


def contraction_dtype(precision: Precision) -> DType | None:
    """The dtype of contractions of float32; None for float32 itself."""
    return DType(precision.dtype) if isinstance(precision, MixedPrecision) else None
