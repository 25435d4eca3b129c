"""`BatchNorm1d` to `BatchNorm3d`: normalisation over the batch, with running statistics for evaluation."""

from typing import ClassVar

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.elementwise import astype
from asg_builder.functions.reduction import mean, var
from asg_builder.functions.reduction_normalization import batch_norm
from asg_builder.nn.channel_norm import ChannelNorm, blend, check_several_values, latest, unbiased, update
from asg_builder.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(ChannelNorm):
    """Batch normalisation for inputs of the shapes that a subclass names; see `BatchNorm1d`."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
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
            AsgError: x has another shape, or in training only one value for each channel.
        """
        if x.ndim not in [shape.count(",") + 1 for shape in self.shapes] or x.shape[1] != self.num_features:
            raise self._refuse(x)
        weight, bias = self._affine()
        if self.running_mean is not None and self.running_var is not None and not self.training:
            return batch_norm(x, latest(self.running_mean), latest(self.running_var), weight, bias, eps=self.eps)
        others = (0, *range(2, x.ndim))
        center, spread = mean(x, others), var(x, others)
        if self.training:
            check_several_values(x, others, self)
            self._track(x, others, center, spread)
        return batch_norm(x, center, spread, weight, bias, eps=self.eps)

    def _track(self, x: Tensor, axes: tuple[int, ...], center: Tensor, spread: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        count = latest(self.num_batches_tracked) + 1
        factor = astype(1.0 / astype(count, "float64"), center.dtype) if self.momentum is None else self.momentum
        update(self.num_batches_tracked, count)
        update(self.running_mean, blend(latest(self.running_mean), center, factor))
        update(self.running_var, blend(latest(self.running_var), unbiased(spread, x, axes), factor))


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) · weight + bias for each channel, as `torch.nn.BatchNorm1d`.

    x is [N, C] or [N, C, L]. In training mean and variance are those of the batch, over all axes but that of the
    channels (Ioffe and Szegedy, 2015). The running statistics are updated as state of the session,
    running = (1 - momentum) · running + momentum · batch, the variance there with correction 1. In evaluation
    (`eval()`) they stand for the batch's own. Build both graphs from one model: they share its parameters in a session.

    A layer that a graph calls twice in training updates twice, the second time from where the first left off, as in
    PyTorch; and a call in evaluation after one in training, in the same graph, takes the updated statistics.

    Parameters: `weight` [C], ones, and `bias` [C], zeros at first; not trained: `running_mean` [C], zeros,
    `running_var` [C], ones, and `num_batches_tracked`, int64, 0 at first.

    Args:
        num_features: the number of channels C.
        eps: added to the variance.
        momentum: the weight of a batch in the running statistics; None makes them the mean of all batches' so far.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics; without, evaluation too takes the batch's own.
        bias: whether there is a bias beside the weight.
        dtype: the dtype of the parameters and statistics, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: there is no channel.
    """

    shapes: ClassVar[tuple[str, ...]] = ("N, C", "N, C, L")


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for [N, C, H, W], as `torch.nn.BatchNorm2d`."""

    shapes: ClassVar[tuple[str, ...]] = ("N, C, H, W",)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for [N, C, D, H, W], as `torch.nn.BatchNorm3d`."""

    shapes: ClassVar[tuple[str, ...]] = ("N, C, D, H, W",)
