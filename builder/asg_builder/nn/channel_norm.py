"""What `BatchNorm` and `InstanceNorm` share: parameters for each channel, and running statistics."""

import math
from collections.abc import Sequence
from typing import ClassVar

from asg_builder.arguments import DTypeLike
from asg_builder.functions.creation import dim_size
from asg_builder.functions.elementwise import astype, maximum
from asg_builder.graph import current_graph
from asg_builder.nn.module import Module
from asg_builder.nn.parameter import Parameter
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.initializers import Ones

__all__ = ["ChannelNorm", "blend", "check_several_values", "latest", "unbiased", "update"]


class ChannelNorm(Module):
    """A normalisation with a weight and a bias for each channel, which may keep running statistics.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the weight of new statistics in the running ones; None as the subclass says.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics.
        bias: whether there is a bias beside the weight.
        dtype: the dtype of the parameters and statistics, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: there is no channel.
    """

    shapes: ClassVar[tuple[str, ...]] = ()
    """The shapes that the input may have."""

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        *,
        bias: bool,
        dtype: DTypeLike,
        name: str | None,
    ) -> None:
        super().__init__(name=name)
        if num_features < 1:
            raise AsgError(f"{type(self).__name__}({num_features}): at least 1 channel is needed")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape, tracked = (num_features,), track_running_stats
        self.weight = Parameter(shape, init=Ones(), dtype=dtype) if affine else None
        self.bias = Parameter(shape, dtype=dtype) if affine and bias else None
        self.running_mean = Parameter(shape, dtype=dtype, trainable=False) if tracked else None
        self.running_var = Parameter(shape, init=Ones(), dtype=dtype, trainable=False) if tracked else None
        self.num_batches_tracked = Parameter((), dtype="int64", trainable=False) if tracked else None

    def _affine(self) -> tuple[Tensor | None, Tensor | None]:
        return self.weight.value if self.weight else None, self.bias.value if self.bias else None

    def _refuse(self, x: Tensor) -> AsgError:
        wanted = " or ".join(f"[{shape.replace('C', str(self.num_features))}]" for shape in self.shapes)
        return AsgError(f"{type(self).__name__}({self.num_features}): x is {x}; the shape {wanted} is needed")


def latest(parameter: Parameter) -> Tensor:
    """The value of a statistic after the updates that calls so far have declared in the current graph."""
    return current_graph().state(parameter.value)


def update(parameter: Parameter, value: Tensor) -> None:
    """Declare the next value of a statistic."""
    current_graph().update_state(parameter.value, value)


def blend(old: Tensor, new: Tensor, factor: Tensor | float) -> Tensor:
    """(1 - factor) · old + factor · new."""
    return old * (1.0 - factor) + new * factor


def check_several_values(x: Tensor, axes: Sequence[int], owner: Module) -> None:
    """Refuse to normalise by the statistics of one value.

    Raises:
        AsgError: x is known to have one element over these axes.
    """
    if all(x.shape[axis] == 1 for axis in axes):
        raise AsgError(
            f"{type(owner).__name__}: x is {x}; more than 1 value for each channel is needed in training, else "
            "there is no variance"
        )


def unbiased(variance: Tensor, x: Tensor, axes: Sequence[int]) -> Tensor:
    """A variance with correction 0 over these axes of x as one with correction 1, which is n / (n - 1) times as large.

    Where n turns out to be 1 when the document runs the variance stays 0.
    """
    sizes = [x.shape[axis] for axis in axes]
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) == len(sizes):
        count = math.prod(known)
        return variance * (count / max(count - 1, 1))
    total = dim_size(x, axes[0])
    for axis in axes[1:]:
        total = total * dim_size(x, axis)
    # Counts may be larger than float16's largest number; their quotient is not.
    quotient = astype(total, "float64") / astype(maximum(total - 1, 1), "float64")
    return variance * astype(quotient, variance.dtype)
