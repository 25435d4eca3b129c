"""Windows that slide over spatial axes: convolution, sums and maxima.

Along one spatial axis a window of k positions that lie d apart (its dilation) reaches over (k - 1) · d + 1 elements.
Over n elements with `low` of padding before them and `high` behind them it stands at
(low + n + high - reach) // stride + 1 places, the first of them at the beginning of the padding; at least one is
needed. Negative padding removes elements. Attributes that are lists have one entry for each spatial axis.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType
from asg_schema.windows import (
    Padding,
    Steps,
    Window,
    check_meets_operand,
    dilated,
    pooled_shape,
    steps_of,
    window_places,
)

__all__ = ["Conv", "MaxPool", "Pooling", "WindowSum"]

_MOST_SPATIAL_AXES = 3
_Groups = Annotated[int, Field(strict=True, ge=1, lt=2**63)]


class Conv(Op):
    """Convolution, written as cross-correlation, over one to three spatial axes.

    `x` has the shape [N, C, *spatial], `weight` [O, C/feature_groups, *kernel]; the result is
    [N/batch_groups, O, *places]:

    result[n, o, p…] = Σ_c Σ_k… z[n, c, p·stride + k·rhs_dilation …] · weight[o, c, k…],

    where z is x with lhs_dilation - 1 zeros between neighbours (none where the axis is empty; a symbolic axis counts as
    at least 1 where lhs_dilation is not 1) and then padded with zeros. With `feature_groups` G the channels of x and
    those of the result fall into G equal runs, and each run of the result is computed from its run of x alone; with
    `batch_groups` B the same holds for the batch of x: run b of the result's channels is computed from run b of the
    batch. One of the two is 1. Over no elements (C = 0) the sum is 0; integers wrap around. The definition is that of
    XLA's ConvGeneralDilated with the axes in PyTorch's order (https://openxla.org/xla/operation_semantics).

    Gradient:
        x: conv(ḡ, w), where w is weight with its kernel reversed and, within each group, its first two axes
            exchanged. There strides and lhs_dilation have changed places, feature_groups is feature_groups ·
            batch_groups, and the padding is [reach - 1 - low, reach - 1 - high + r], where
            reach = (K - 1) · rhs_dilation + 1 and r is the remainder that the stride leaves:
            (n + low + high - reach) mod stride, n counted with the zeros between neighbours. With batch_groups the runs
            of channels of that result become runs of the batch.
        weight: conv(a, b) with its first two axes exchanged, where a and b are x and ḡ with their first two axes
            exchanged. There strides and rhs_dilation have changed places, feature_groups and batch_groups too, and the
            padding is [low, high - r].
    """

    op: Literal["conv"] = "conv"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC), Operand("weight", DTypeGroup.NUMERIC))
    strides: Steps | None = Field(default=None, description="How far the window moves along each axis; absent: 1.")
    padding: Padding | None = Field(
        default=None, description="How many zeros go before and behind each axis of x; absent: none."
    )
    lhs_dilation: Steps | None = Field(
        default=None, description="How far neighbours of x are moved apart along each axis; absent: 1."
    )
    rhs_dilation: Steps | None = Field(
        default=None, description="How far the positions of the window lie apart along each axis; absent: 1."
    )
    feature_groups: _Groups = Field(default=1, description="Into how many groups the channels of x fall.")
    batch_groups: _Groups = Field(default=1, description="Into how many groups the batch of x falls.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, weight = operands
        spatial = _check_conv_ranks(x, weight)
        window = self.window(weight.shape)
        between = steps_of("lhs_dilation", self.lhs_dilation, spatial)
        _check_groups(self, x, weight)
        for axis, size in enumerate(weight.shape[2:], 2):
            if size == 0:
                raise RuleError(f"{{1}} has no element along axis {axis}; at least one is needed", operand=1)
        steps = zip(x.shape[2:], between, window.reach, window.strides, window.padding, strict=True)
        places = (
            window_places(dilated(size, apart), reach, stride, padding, axis)
            for axis, (size, apart, reach, stride, padding) in enumerate(steps, 2)
        )
        return (TensorType(x.dtype, (x.shape[0] // self.batch_groups, weight.shape[0], *places)),)

    def window(self, weight: tuple[Dim, ...]) -> Window:
        """The window over the spatial axes, for a weight of this shape.

        Raises:
            RuleError: an attribute has another number of entries.
        """
        names = ("strides", "padding", "rhs_dilation")
        return Window(weight[2:], self.strides, self.padding, self.rhs_dilation, names=names)


def _check_conv_ranks(x: TensorType, weight: TensorType) -> int:
    """The number of spatial axes."""
    spatial = x.rank - 2
    if not 1 <= spatial <= _MOST_SPATIAL_AXES:
        raise RuleError("{0} must have a batch axis, a channel axis, and one to three spatial axes", operand=0)
    if weight.rank != x.rank:
        raise RuleError("{1} is the weight of {0}; as many axes are needed there", operand=1)
    return spatial


def _check_groups(op: Conv, x: TensorType, weight: TensorType) -> None:
    features, batches = op.feature_groups, op.batch_groups
    if features > 1 and batches > 1:
        raise RuleError(
            f"feature_groups is {features} and batch_groups is {batches}; one of them must be 1", field="batch_groups"
        )
    if x.shape[1] != weight.shape[1] * features:
        raise RuleError(
            f"{{0}} has {x.shape[1]} channels, and {{1}} takes {weight.shape[1]} in each of {features} feature groups; "
            "they must be equal",
            operand=1,
        )
    if weight.shape[0] % (features * batches) != 0:
        raise RuleError(
            f"{{1}} makes {weight.shape[0]} channels, which do not fall into {features * batches} equal groups",
            operand=1,
        )
    if x.shape[0] % batches != 0:
        raise RuleError(f"{{0}} has a batch of {x.shape[0]}, which does not fall into {batches} groups", operand=0)


class Pooling(Op):
    """A function of the windows over the last axes of x, one axis for each entry of `kernel_size`."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    kernel_size: Steps = Field(description="How many positions the window has along each of the last axes.")
    strides: Steps | None = Field(default=None, description="How far the window moves along each axis; absent: 1.")
    padding: Padding | None = Field(
        default=None, description="How many elements go before and behind each axis; absent: none."
    )
    dilation: Steps | None = Field(
        default=None, description="How far the positions of the window lie apart along each axis; absent: 1."
    )

    @property
    def window(self) -> Window:
        """The window over the last axes.

        Raises:
            RuleError: an attribute has another number of entries.
        """
        return Window(self.kernel_size, self.strides, self.padding, self.dilation)


class WindowSum(Pooling):
    """The sum of each window over the last axes of x; padding counts as 0.

    result[…, p…] = Σ_k… z[…, p·stride + k·dilation …], where z is x padded with zeros. Integers wrap around.

    Gradient:
        x: window_sum(z), where z is ḡ with stride - 1 zeros between neighbours, padded by
            [reach - 1 - low, reach - 1 - high + r]. There the stride is 1, and kernel_size and dilation are the same;
            reach = (k - 1) · dilation + 1, and r is the remainder that the stride leaves:
            (low + n + high - reach) mod stride.
    """

    op: Literal["window_sum"] = "window_sum"

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        return (TensorType(x.dtype, pooled_shape(x.shape, self.window)),)


class MaxPool(Pooling):
    """The largest element of each window over the last axes of x, and where it stands.

    values[…, p…] is the largest of z[…, p·stride + k·dilation …] over k…, where z is x with padding that is never the
    largest; it is NaN if one of them is. `indices`, int64, is the place of that element in the spatial axes of x made
    one, without padding: row-major, so that in two dimensions it is row · width + column. Of several largest elements
    it is the first in row-major order; of several NaN the first. A window that would hold nothing but padding is
    refused, as is one that a dilation leads past all elements.

    Gradient:
        x: 0, with ḡ, the cotangent of `values`, added up at `indices`; of several largest elements the first gets all.
    """

    op: Literal["max_pool"] = "max_pool"
    results: ClassVar[tuple[str, ...]] = ("values", "indices")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        window = self.window
        shape = pooled_shape(x.shape, window)
        check_meets_operand(x.shape, window)
        return (TensorType(x.dtype, shape), TensorType(DType.INT64, shape))
