"""Transposed convolution."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import Operand
from asg_schema.ops.layout import Reshape
from asg_schema.tensor_type import MOST_AXES, TensorType
from asg_schema.window_expansion import reversed_kernel, spread_conv
from asg_schema.windows import Padding, Steps, Window, check_count

__all__ = ["ConvTranspose"]

_MOST_SPATIAL_AXES = 3
_Extra = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field(max_length=MOST_AXES, fail_fast=True)
]


class ConvTranspose(Composite):
    """Transposed convolution: the derivative of a convolution by its operand, as `torch.nn.functional` has it.

    `x` has the shape [N, C, *spatial], with at least one element along each spatial axis, `weight`
    [C, O/groups, *kernel], `bias` [O]; the result is [N, O, *sizes], each size being
    (n - 1) · stride - low - high + (K - 1) · dilation + output_padding + 1. Every element of x adds its multiple of the
    kernel to the result:

    result[n, o, p·stride + k·dilation - low …] += Σ_c x[n, c, p…] · weight[c, o, k…], and the bias everywhere.

    What falls outside is dropped: `padding` makes the result smaller, `output_padding` larger at its end. With `groups`
    the channels of x and of the result fall into equal runs, and each run of the result is computed from its run of x.

    Gradient:
        x: conv(ḡ, weight) with these strides, the padding [low, high - output_padding], this dilation as rhs_dilation,
            and feature_groups = groups.
        weight: conv(a, b) with its first two axes exchanged, where a and b are ḡ and x with their first two axes
            exchanged. There the padding is the same, the strides are this dilation, rhs_dilation is these strides, and
            batch_groups is groups.
        bias: ḡ summed over the batch and the spatial axes.
    """

    op: Literal["conv_transpose"] = "conv_transpose"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"), Operand("weight"), Operand("bias", optional=True))
    strides: Steps | None = Field(
        default=None, description="How far apart neighbours of x place the kernel along each axis; absent: 1."
    )
    padding: Padding | None = Field(
        default=None, description="How much is cut off before and behind each axis of the result; absent: nothing."
    )
    output_padding: _Extra | None = Field(
        default=None, description="How much is added behind each axis of the result; absent: nothing."
    )
    groups: Annotated[int, Field(strict=True, ge=1, lt=2**63)] = Field(
        default=1, description="Into how many groups the channels fall."
    )
    dilation: Steps | None = Field(
        default=None, description="How far the positions of the kernel lie apart along each axis; absent: 1."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, weight, *bias = operands
        if not 1 <= x.rank - 2 <= _MOST_SPATIAL_AXES:
            raise RuleError("{0} must have a batch axis, a channel axis, and one to three spatial axes", operand=0)
        if weight.rank != x.rank:
            raise RuleError("{1} is the weight of {0}; as many axes are needed there", operand=1)
        if weight.shape[0] != x.shape[1]:
            raise RuleError(
                f"{{0}} has {x.shape[1]} channels and {{1}} takes {weight.shape[0]}; they must be equal", operand=1
            )
        if weight.shape[0] % self.groups != 0:
            raise RuleError(
                f"groups is {self.groups}, and the {weight.shape[0]} channels of {{0}} do not fall into as many equal "
                "groups",
                field="groups",
            )
        outputs = weight.shape[1] * self.groups
        if bias and bias[0].shape != (outputs,):
            raise RuleError(f"{{2}} is the bias; shape [{outputs}] is needed there", operand=2)
        return (TensorType(x.dtype, (x.shape[0], outputs, *self._sizes(x, weight))),)

    def _window(self, weight: tuple[Dim, ...]) -> Window:
        return Window(weight[2:], self.strides, self.padding, self.dilation)

    def _extra(self, spatial: int) -> tuple[int, ...]:
        extra = (0,) * spatial if self.output_padding is None else self.output_padding
        check_count("output_padding", extra, spatial)
        return extra

    def conv_padding(self, spatial: int) -> tuple[tuple[int, int], ...]:
        """The padding of the convolution whose derivative this is: it leaves out what output_padding adds."""
        padding = ((0, 0),) * spatial if self.padding is None else self.padding
        return tuple((low, high - more) for (low, high), more in zip(padding, self._extra(spatial), strict=True))

    def _sizes(self, x: TensorType, weight: TensorType) -> list[Dim]:
        window, extra = self._window(weight.shape), self._extra(x.rank - 2)
        sizes: list[Dim] = []
        for index, elements in enumerate(x.shape[2:]):
            axis, stride, step = index + 2, window.strides[index], window.dilation[index]
            for operand, size in enumerate((elements, weight.shape[axis])):
                if size == 0:
                    raise RuleError(
                        f"{{{operand}}} has no element along axis {axis}; at least one is needed", operand=operand
                    )
            if extra[index] >= max(stride, step):
                raise RuleError(
                    f"output_padding {extra[index]} of axis {axis} is not less than its stride {stride} or its "
                    f"dilation {step}",
                    field="output_padding",
                )
            low, high = window.padding[index]
            size = (elements - 1) * stride - low - high + window.reach[index] + extra[index]
            if isinstance(size, int) and size < 1:
                raise RuleError(
                    f"axis {axis} of the result would have the size {size}; padding {[low, high]} is too large",
                    field="padding",
                )
            sizes.append(size)
        return sizes

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, weight, *bias = operands
        window = self._window(weight.shape)
        padding = [
            (reach - 1 - low, reach - 1 - high)
            for reach, (low, high) in zip(window.reach, self.conv_padding(x.rank - 2), strict=True)
        ]
        kernel = reversed_kernel(weight, self.groups)
        result = spread_conv(x, kernel, padding, window.strides, rhs_dilation=self.dilation, feature_groups=self.groups)
        if bias:
            result = result + Reshape.of(bias[0], shape=(*bias[0].shape, *(1,) * (x.rank - 2)))
        return (result,)
