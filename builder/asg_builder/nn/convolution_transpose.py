"""`ConvTranspose1d` to `ConvTranspose3d`: the adjoint of convolution, which makes images larger."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from typing_extensions import override

from asg_builder.arguments import DTypeLike
from asg_builder.functions.window_arguments import Sizes
from asg_builder.functions.window_convolution import conv_transpose1d, conv_transpose2d, conv_transpose3d
from asg_builder.nn.convolution import check_channels, convolution_parameters, window_sizes, wrong_input
from asg_builder.nn.module import Module
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTranspose(Module):
    """Transposed convolution over the axes that a subclass names; see `ConvTranspose2d`."""

    spatial: ClassVar[int] = 0
    """The number of axes that the window moves along."""
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        own = type(self).__name__
        check_channels(own, in_channels, out_channels, groups)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = window_sizes(own, "kernel_size", kernel_size, self.spatial, least=1)
        self.stride = window_sizes(own, "stride", stride, self.spatial, least=1)
        self.padding = window_sizes(own, "padding", padding, self.spatial, least=0)
        self.output_padding = window_sizes(own, "output_padding", output_padding, self.spatial, least=0)
        self.groups = groups
        self.dilation = window_sizes(own, "dilation", dilation, self.spatial, least=1)
        shape = (in_channels, out_channels // groups, *self.kernel_size)
        self.weight, self.bias = convolution_parameters(shape, out_channels if bias else None, dtype)

    @override
    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """[N, in_channels, *spatial] to [N, out_channels, *places]; or both without N.

        Args:
            x: the input; with `output_size` its spatial sizes are known.
            output_size: the sizes that the result shall have, of all axes or of the spatial ones, in place of the
                `output_padding` that would lead to them; from what it is without one to `stride` - 1 more.

        Raises:
            AsgError: x has another number of axes or channels, or `output_size` is none that the result can have.
        """
        if x.ndim not in (self.spatial + 1, self.spatial + 2) or x.shape[-self.spatial - 1] != self.in_channels:
            raise wrong_input(self, x, self.in_channels, self.spatial)
        beyond = self.output_padding if output_size is None else self._padding_to(x, output_size)
        bias = self.bias.value if self.bias else None
        window = (self.stride, self.padding, beyond)
        return type(self).function(x, self.weight.value, bias, *window, self.groups, self.dilation)

    def _padding_to(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output padding with which the result has these sizes."""
        own = type(self).__name__
        if len(output_size) not in (self.spatial, x.ndim):
            raise AsgError(
                f"{own}: output_size has {len(output_size)} entries; {self.spatial} or {x.ndim} are needed, one for "
                "each spatial axis or one for each axis"
            )
        windows = zip(self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        padding: list[int] = []
        for size, wanted, window in zip(x.shape[-self.spatial :], output_size[-self.spatial :], windows, strict=True):
            if not isinstance(size, int):
                raise AsgError(f"{own}: output_size needs an input of known sizes; x is {x}")
            stride, around, dilation, kernel = window
            least = (size - 1) * stride - 2 * around + dilation * (kernel - 1) + 1
            if not least <= wanted < least + stride:
                raise AsgError(
                    f"{own}: output_size is {list(output_size)}; where the input has the size {size}, one from "
                    f"{least} to {least + stride - 1} is needed"
                )
            padding.append(wanted - least)
        return tuple(padding)


class ConvTranspose1d(_ConvTranspose):
    """`ConvTranspose2d` over one axis, of [N, C, L] or [C, L], as `torch.nn.ConvTranspose1d`."""

    spatial: ClassVar[int] = 1
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of [N, C, H, W] or [C, H, W], as `torch.nn.ConvTranspose2d`.

    It is the adjoint of the `Conv2d` with the same arguments by its input: each element is spread over the window. The
    result has the size (size - 1) · stride - 2 · padding + dilation · (kernel_size - 1) + output_padding + 1.

    Parameters: `weight` [in_channels, out_channels / groups, *kernel_size] and `bias` [out_channels], both uniform in
    ±1/√(out_channels / groups · positions of the kernel) at first.

    Sizes are one number for all axes or one for each.

    Args:
        in_channels: the number of channels of the input; a multiple of `groups`.
        out_channels: that of the result; a multiple of `groups`.
        kernel_size: how many positions the window has.
        stride: how far apart the windows of neighbouring elements lie.
        padding: how much is cut off on both sides of each axis.
        output_padding: how much the result is longer at the end, less than the stride or the dilation.
        groups: into how many groups the channels fall, each of which is convolved by itself.
        bias: whether there is one.
        dilation: how far the positions of the window lie apart.
        dtype: the dtype of the parameters, and of the input.
        name: the name, if it is a root module.

    Raises:
        AsgError: a size is too small or there are too many, or `groups` does not divide the channels.
    """

    spatial: ClassVar[int] = 2
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """`ConvTranspose2d` over three axes, of [N, C, D, H, W] or [C, D, H, W], as `torch.nn.ConvTranspose3d`."""

    spatial: ClassVar[int] = 3
    function: ClassVar[Callable[..., Tensor]] = staticmethod(conv_transpose3d)
