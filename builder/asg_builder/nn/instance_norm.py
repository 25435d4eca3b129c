"""`InstanceNorm1d` to `InstanceNorm3d`: normalisation of each channel of each instance by itself."""

from typing import ClassVar

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.layout import expand_dims, squeeze
from asg_builder.functions.reduction import mean, var
from asg_builder.functions.reduction_normalization import batch_norm, instance_norm
from asg_builder.nn.channel_norm import ChannelNorm, blend, check_several_values, latest, unbiased, update
from asg_builder.tensor import Tensor

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(ChannelNorm):
    """Instance normalisation for inputs of the shapes that a subclass names; see `InstanceNorm1d`."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias, dtype=dtype, name=name)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """One of `shapes` to the same shape.

        Raises:
            AsgError: x has another shape, or in training only one value for each channel of an instance.
        """
        batched, unbatched = (shape.count(",") + 1 for shape in self.shapes)
        if x.ndim not in (batched, unbatched) or x.shape[x.ndim - unbatched] != self.num_features:
            raise self._refuse(x)
        if x.ndim == unbatched:
            return squeeze(self._normalized(expand_dims(x, 0)), 0)
        return self._normalized(x)

    def _normalized(self, x: Tensor) -> Tensor:
        weight, bias = self._affine()
        behind = tuple(range(2, x.ndim))
        if self.training or self.running_mean is None:
            check_several_values(x, behind, self)
        if self.running_mean is None or self.running_var is None:
            return instance_norm(x, weight, bias, eps=self.eps)
        old_mean, old_var = latest(self.running_mean), latest(self.running_var)
        if not self.training:
            return batch_norm(x, old_mean, old_var, weight, bias, eps=self.eps)
        spread = mean(unbiased(var(x, behind), x, behind), 0)
        momentum = self.momentum or 0.0
        update(self.running_mean, blend(old_mean, mean(mean(x, behind), 0), momentum))
        update(self.running_var, blend(old_var, spread, momentum))
        return instance_norm(x, weight, bias, eps=self.eps)


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) · weight + bias, as `torch.nn.InstanceNorm1d`; x is [N, C, L] or [C, L].

    Mean and variance are those of each channel of each instance, over the axes behind the channels (Ulyanov et al.,
    2016). With
    `track_running_stats` their means over the batch go into running statistics as in `BatchNorm1d`, and in evaluation
    these stand for them.

    Parameters, as the arguments say: `weight` [C], ones, and `bias` [C], zeros at first; not trained: `running_mean`
    [C], zeros, `running_var` [C], ones, and `num_batches_tracked`, int64, which stays 0, as in PyTorch.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: the weight of new statistics in the running ones; None is 0, as in PyTorch.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics.
        bias: whether there is a bias beside the weight.
        dtype: the dtype of the parameters and statistics, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: there is no channel.
    """

    shapes: ClassVar[tuple[str, ...]] = ("N, C, L", "C, L")


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for [N, C, H, W] or [C, H, W], as `torch.nn.InstanceNorm2d`."""

    shapes: ClassVar[tuple[str, ...]] = ("N, C, H, W", "C, H, W")


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for [N, C, D, H, W] or [C, D, H, W], as `torch.nn.InstanceNorm3d`."""

    shapes: ClassVar[tuple[str, ...]] = ("N, C, D, H, W", "C, D, H, W")
