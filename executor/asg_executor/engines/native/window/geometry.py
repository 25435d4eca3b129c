"""What a convolution computes and where its arrays lie, with nothing moved apart and groups as an axis of their own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod

from asg_executor.plan.layout import Layout
from asg_schema.ops.window import Conv
from asg_schema.windows import steps_of

__all__ = ["Axis", "Convolution", "Strided", "convolutions"]


@dataclass(frozen=True)
class Axis:
    """A spatial axis: position k of the kernel at place p meets element start + p · stride + k · dilation of x.

    What lies below 0, or beyond the elements, counts as 0.

    Attributes:
        start: see above.
        stride: see above.
        places: how many places there are.
        dilation: see above.
        kernel: how many positions there are, perhaps none.
        elements: how many elements x has.
    """

    start: int
    stride: int
    places: int
    dilation: int
    kernel: int
    elements: int


@dataclass(frozen=True)
class Strided:
    """How an array lies in memory, in elements.

    Attributes:
        offset: where the first element lies.
        group: from one group to the next.
        first: along the batch of x and the result, and along the outputs of the weight.
        second: along the channels of x and the weight, and along the outputs of the result.
        spatial: along each spatial axis.
    """

    offset: int
    group: int
    first: int
    second: int
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class Convolution:
    """result[g, n, o, p…] = Σ_c Σ_k… x[g, n, c, start + p · stride + k · dilation …] · weight[g, o, c, k…].

    Attributes:
        groups: how many groups there are.
        batch: how many images a group has.
        outputs: how many channels of the result.
        channels: how many channels of x.
        axes: the spatial axes.
        x: how x lies.
        weight: how the weight lies.
        result: how the result lies.
    """

    groups: int
    batch: int
    outputs: int
    channels: int
    axes: tuple[Axis, ...]
    x: Strided
    weight: Strided
    result: Strided

    @property
    def places(self) -> int:
        """How many places there are for each image and output."""
        return prod(axis.places for axis in self.axes)

    @property
    def kernel(self) -> int:
        """How many positions the kernel has."""
        return prod(axis.kernel for axis in self.axes)


def convolutions(op: Conv, x: Layout, weight: Layout, result: Layout) -> list[Convolution]:
    """The convolutions that a node is made of: one, or where x is moved apart one for each phase of the places.

    Args:
        op: the node.
        x: how its first operand lies; the offsets of all three are left out.
        weight: how its second operand lies.
        result: how its result lies.
    """
    spatial = len(x.shape) - 2
    features, batches = op.feature_groups, op.batch_groups
    groups = features * batches
    outputs, channels = weight.shape[0] // groups, weight.shape[1]
    batch = x.shape[0] // batches
    x_group = x.strides[0] * batch if batches > 1 else x.strides[1] * channels
    whole = Convolution(
        groups,
        batch,
        outputs,
        channels,
        (),
        Strided(0, x_group, x.strides[0], x.strides[1], x.strides[2:]),
        Strided(0, weight.strides[0] * outputs, weight.strides[0], weight.strides[1], weight.strides[2:]),
        Strided(0, result.strides[1] * outputs, result.strides[0], result.strides[1], result.strides[2:]),
    )
    strides, apart, dilation = (
        steps_of(name, getattr(op, name), spatial) for name in ("strides", "lhs_dilation", "rhs_dilation")
    )
    padding = op.padding or ((0, 0),) * spatial
    phases = [
        list(
            _phases(
                Axis(-padding[i][0], strides[i], result.shape[2 + i], dilation[i], weight.shape[2 + i], x.shape[2 + i]),
                apart[i],
            )
        )
        for i in range(spatial)
    ]
    return [_of_phases(whole, chosen) for chosen in product(*phases)]


@dataclass(frozen=True)
class _Phase:
    """Places along one axis that meet the same positions of the kernel, each of `step` apart."""

    axis: Axis
    first_place: int
    place_step: int
    first_position: int
    position_step: int


def _phases(axis: Axis, apart: int) -> Iterator[_Phase]:
    """The phases of an axis whose elements are moved apart.

    Place p meets position k where start + p · stride + k · dilation is a multiple of `apart`. With h = gcd(dilation,
    apart) that holds for every (apart / h)-th position, or for none, and is the same for every (apart / gcd(stride,
    apart))-th place.
    """
    period, common = apart // gcd(axis.stride, apart), gcd(axis.dilation, apart)
    step = apart // common
    for place in range(min(period, axis.places)):
        firsts = (
            k
            for k in range(min(step, axis.kernel))
            if (axis.start + place * axis.stride + k * axis.dilation) % apart == 0
        )
        first = next(firsts, axis.kernel)
        met = Axis(
            (axis.start + place * axis.stride + first * axis.dilation) // apart,
            period * axis.stride // apart,
            len(range(place, axis.places, period)),
            axis.dilation // common,
            len(range(first, axis.kernel, step)),
            axis.elements,
        )
        yield _Phase(_with_small_steps(met), place, period, first, step)


def _with_small_steps(axis: Axis) -> Axis:
    """The distance from one place or position to the next has no meaning where there is one alone."""
    return replace(axis, stride=axis.stride if axis.places > 1 else 1, dilation=axis.dilation if axis.kernel > 1 else 1)


def _of_phases(whole: Convolution, phases: tuple[_Phase, ...]) -> Convolution:
    weight, result = whole.weight, whole.result
    positions = sum(phase.first_position * stride for phase, stride in zip(phases, weight.spatial, strict=True))
    places = sum(phase.first_place * stride for phase, stride in zip(phases, result.spatial, strict=True))
    return replace(
        whole,
        axes=tuple(phase.axis for phase in phases),
        weight=replace(
            weight,
            offset=positions,
            spatial=tuple(phase.position_step * s for phase, s in zip(phases, weight.spatial, strict=True)),
        ),
        result=replace(
            result,
            offset=places,
            spatial=tuple(phase.place_step * s for phase, s in zip(phases, result.spatial, strict=True)),
        ),
    )
