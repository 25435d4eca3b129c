"""Normalisation: groups of elements, or channels, brought to a common location and scale.

float16 and bfloat16 operands are computed in float32 and rounded once at the end. A variance is that of deviations from
the mean, so that a large mean costs no accuracy.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis, Number, Shape
from asg_schema.bounds import check_eps
from asg_schema.composite import Composite
from asg_schema.composites.reduction import LayerNorm, Mean
from asg_schema.dims import Dim, element_count, format_shape
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import along_axis, narrow, widen, widened
from asg_schema.op import Operand
from asg_schema.ops.elementwise_functions import Rsqrt
from asg_schema.ops.layout import Reshape
from asg_schema.tensor_type import TensorType

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "RmsNorm", "default_eps"]

_X, _WEIGHT, _BIAS = Operand("x"), Operand("weight", optional=True), Operand("bias", optional=True)


def default_eps(dtype: DType) -> float:
    """The distance from 1 to the next larger number of the dtype in which operands of `dtype` are computed."""
    return 2.0**-52 if dtype is DType.FLOAT64 else 2.0**-23


class RmsNorm(Composite):
    """x / sqrt(mean(x²) + eps) · weight, where the mean is taken over the last axes of x.

    Those axes must be `normalized_shape`, as must the shape of `weight` (Zhang and Sennrich, "Root mean square layer
    normalization", 2019; `torch.nn.functional.rms_norm`).

    The result has the type of x.

    Gradient:
        Let n be x / sqrt(mean(x²) + eps) and w = ḡ · weight (ḡ where there is none); mean(…) is taken over the
        normalised axes. Then
        x: (w - n · mean(w · n)) / sqrt(mean(x²) + eps).
        weight: Σ ḡ · n over all groups.
    """

    op: Literal["rms_norm"] = "rms_norm"
    operands: ClassVar[tuple[Operand, ...]] = (_X, _WEIGHT)
    normalized_shape: Shape = Field(description="The last axes of x, over which each group is normalised.")
    eps: Number | None = Field(
        default=None,
        description="Added to the mean of the squares before its root is taken; at least 0. Absent: 2⁻⁵² for float64, "
        "else 2⁻²³.",
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, *weight = operands
        wanted = format_shape(self.normalized_shape)
        if not self.normalized_shape:
            raise RuleError("normalized_shape is empty; it names at least one axis", field="normalized_shape")
        if x.shape[-len(self.normalized_shape) :] != self.normalized_shape:
            raise RuleError(f"normalized_shape {wanted} is not the end of the shape of {{0}}", field="normalized_shape")
        if weight and weight[0].shape != self.normalized_shape:
            raise RuleError(f"{{1}} is the weight; shape {wanted} is needed there", operand=1)
        if self.eps is not None:
            check_eps(self.eps, widened(x.dtype))
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, *weight = operands
        wide = widen(x)
        axes = tuple(range(-len(self.normalized_shape), 0))
        square = Mean.of(wide * wide, axis=axes, keepdims=True)
        eps = default_eps(x.dtype) if self.eps is None else self.eps
        result = wide * Rsqrt.of(square + eps)
        if weight:
            result = result * widen(weight[0])
        return (narrow(result, x.dtype),)


def _check_channels(operands: Sequence[TensorType], names: Sequence[str], size: Dim) -> None:
    """Refuse an operand behind the first that has not one number for each channel."""
    for index, operand in enumerate(operands[1:], 1):
        if operand.shape != (size,):
            raise RuleError(f"{{{index}}} is the {names[index]}; shape [{size}] is needed there", operand=index)


def _scaled(normalized: Value, affine: Sequence[Value], axis: int) -> Value:
    """What is given of weight and bias applied, one number of each for each index of the axis."""
    result = normalized
    if affine:
        result = result * along_axis(widen(affine[0]), axis, result.rank)
    if len(affine) == 2:
        result = result + along_axis(widen(affine[1]), axis, result.rank)
    return result


class BatchNorm(Composite):
    """(x - mean) / sqrt(var + eps) · weight + bias, where the other operands have one number for each index of `axis`.

    The statistics are given: in training those of the batch, mean(x) and var(x) with correction 0 over all axes but
    `axis`, and the derivative by x goes through them too; in evaluation running ones, which are averages of the
    batches' means and of their variances with correction 1 (Ioffe and Szegedy, "Batch normalization", 2015;
    `torch.nn.functional.batch_norm`).

    The result has the type of x.

    Gradient:
        Let s be 1 / sqrt(var + eps) and n = (x - mean) · s; weight counts as 1 where there is none, and each Σ goes
        over all axes but `axis`. Then
        x: ḡ · weight · s.
        mean: -weight · s · Σ ḡ.
        var: -½ · weight · s² · Σ ḡ · n.
        weight: Σ ḡ · n.
        bias: Σ ḡ.
    """

    op: Literal["batch_norm"] = "batch_norm"
    operands: ClassVar[tuple[Operand, ...]] = (_X, Operand("mean"), Operand("var"), _WEIGHT, _BIAS)
    axis: Axis = Field(default=1, description="The axis of the channels.")
    eps: Number = Field(default=1e-5, description="Added to the variance before its root is taken; at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = operands[0]
        size = x.shape[self.axis_of(self.axis, x.rank)]
        _check_channels(operands, [operand.name for operand in self.operands], size)
        check_eps(self.eps, widened(x.dtype))
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, mean, var, *affine = operands
        axis = self.axis_of(self.axis, x.rank)
        deviation = widen(x) - along_axis(widen(mean), axis, x.rank)
        normalized = deviation * along_axis(Rsqrt.of(widen(var) + self.eps), axis, x.rank)
        return (narrow(_scaled(normalized, affine, axis), x.dtype),)


class GroupNorm(Composite):
    """(x - mean) / sqrt(var + eps) · weight + bias, where mean and variance are those of groups of channels.

    x has the shape [N, C, …]; `num_groups` divides C. The C / num_groups neighbouring channels of a group, with all
    that follows, are normalised together, for each of the N by itself; the variance is divided by the number of
    elements. `weight` and `bias` have the shape [C] (Wu and He, "Group normalization", 2018;
    `torch.nn.functional.group_norm`).

    The result has the type of x.

    Gradient:
        Let n be (x - mean) / sqrt(var + eps) and w = ḡ · weight (ḡ where there is none); mean(…) is taken over each
        group, and each Σ goes over all axes but axis 1. Then
        x: (w - mean(w) - n · mean(w · n)) / sqrt(var + eps).
        weight: Σ ḡ · n.
        bias: Σ ḡ.
    """

    op: Literal["group_norm"] = "group_norm"
    operands: ClassVar[tuple[Operand, ...]] = (_X, _WEIGHT, _BIAS)
    num_groups: Annotated[int, Field(strict=True, ge=1, lt=2**63)] = Field(
        description="Into how many groups the channels are divided."
    )
    eps: Number = Field(default=1e-5, description="Added to the variance before its root is taken; at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = operands[0]
        if x.rank < 2:
            raise RuleError(f"{{0}} has rank {x.rank}; shape [N, C, …] is needed there", operand=0)
        channels = x.shape[1]
        if channels % self.num_groups != 0:
            raise RuleError(
                f"num_groups is {self.num_groups} and axis 1 of {{0}} is {channels}; a number that divides it is "
                f"needed",
                field="num_groups",
            )
        _check_channels(operands, [operand.name for operand in self.operands], channels)
        check_eps(self.eps, widened(x.dtype))
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, *affine = operands
        grouped = self.grouped(widen(x))
        normalized = LayerNorm.of(grouped, normalized_shape=grouped.shape[2:], eps=self.eps)
        result = _scaled(Reshape.of(normalized, shape=x.shape), affine, 1)
        return (narrow(result, x.dtype),)

    def grouped(self, x: Value) -> Value:
        """The operand [N, C, …] as [N, num_groups, elements of a group]."""
        batch, channels, *rest = x.shape
        size = element_count([channels // self.num_groups, *rest])
        return Reshape.of(x, shape=(batch, self.num_groups, size))


class InstanceNorm(Composite):
    """(x - mean) / sqrt(var + eps) · weight + bias, where mean and variance are those of each channel by itself.

    x has the shape [N, C, …] with at least one axis behind the channels; mean and variance are taken over those axes,
    for each of the N and of the C by itself; the variance is divided by the number of elements. `weight` and `bias`
    have the shape [C] (Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016;
    `torch.nn.functional.instance_norm`).

    The result has the type of x.

    Gradient:
        Let n be (x - mean) / sqrt(var + eps) and w = ḡ · weight (ḡ where there is none); mean(…) is taken over the axes
        behind the channels, and each Σ goes over all axes but axis 1. Then
        x: (w - mean(w) - n · mean(w · n)) / sqrt(var + eps).
        weight: Σ ḡ · n.
        bias: Σ ḡ.
    """

    op: Literal["instance_norm"] = "instance_norm"
    operands: ClassVar[tuple[Operand, ...]] = (_X, _WEIGHT, _BIAS)
    eps: Number = Field(default=1e-5, description="Added to the variance before its root is taken; at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = operands[0]
        if x.rank < 3:
            raise RuleError(
                f"{{0}} has rank {x.rank}; shape [N, C, …] with at least one axis behind C is needed there", operand=0
            )
        _check_channels(operands, [operand.name for operand in self.operands], x.shape[1])
        check_eps(self.eps, widened(x.dtype))
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, *affine = operands
        normalized = LayerNorm.of(widen(x), normalized_shape=x.shape[2:], eps=self.eps)
        return (narrow(_scaled(normalized, affine, 1), x.dtype),)
