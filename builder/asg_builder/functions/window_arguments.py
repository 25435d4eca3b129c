"""Arguments of convolutions and poolings as `torch.nn.functional` takes them, brought to what the ops take."""

from collections.abc import Sequence
from operator import index
from typing import Any, TypeAlias, cast

from asg_builder.tensor import Tensor
from asg_schema.dims import Dim
from asg_schema.errors import AsgError

__all__ = ["PoolingWindow", "Sizes", "check_input", "sizes_of"]

Sizes: TypeAlias = int | Sequence[int]
"""One number for all spatial axes, or one for each."""


def sizes_of(function: str, name: str, given: Sizes, count: int) -> tuple[int, ...]:
    """An argument with one number for each of `count` axes.

    Raises:
        AsgError: it has another number of entries, or one is no integer.
    """
    entries: Any = given
    try:
        sizes = (index(entries),) * count
    except TypeError:
        try:
            sizes = tuple(index(size) for size in entries)
        except TypeError:
            raise AsgError(f"{function}: {name} is {given!r}; an integer, or one for each axis, is needed") from None
    if len(sizes) == 1:
        sizes *= count
    if len(sizes) != count:
        wanted = f"1 or {count} are" if count > 1 else "1 is"
        raise AsgError(f"{function}: {name} has {len(sizes)} entries; {wanted} needed, one for each axis")
    return sizes


def check_input(function: str, input: Tensor, spatial: int) -> None:
    """Refuse what is not [N, C, *spatial] or [C, *spatial] with this many spatial axes.

    Raises:
        AsgError: it has another number of axes.
        TypeError: it is not a tensor.
    """
    given = cast("object", input)  # a caller without a type checker may give anything
    if not isinstance(given, Tensor):
        raise TypeError(f"{function}: input is a {type(given).__name__}; a Tensor is needed")
    if input.ndim not in (spatial + 1, spatial + 2):
        raise AsgError(f"{function}: input {input} has {input.ndim} axes; {spatial + 1} or {spatial + 2} are needed")


class PoolingWindow:
    """The arguments of a pooling, brought to what the ops take.

    Attributes:
        kernel_size, strides, dilation: one entry for each spatial axis.
        around: the padding on both sides of each axis.
        beyond: what a window that `ceil_mode` adds reaches over behind the padding.
    """

    def __init__(
        self,
        function: str,
        spatial: int,
        input: Tensor,
        kernel_size: Sizes,
        stride: Sizes | None,
        padding: Sizes,
        dilation: Sizes,
        ceil_mode: bool,
    ) -> None:
        check_input(function, input, spatial)
        self.function = function
        self.kernel_size = sizes_of(function, "kernel_size", kernel_size, spatial)
        self.strides = sizes_of(function, "stride", kernel_size if stride is None else stride, spatial)
        self.around = sizes_of(function, "padding", padding, spatial)
        self.dilation = sizes_of(function, "dilation", dilation, spatial)
        for size, around in zip(self.kernel_size, self.around, strict=True):
            if not 0 <= around <= size // 2:
                raise AsgError(f"{function}: padding {around} with a kernel of {size}; 0 to {size // 2} is needed")
        self.beyond = (0,) * spatial
        if ceil_mode:
            steps = zip(input.shape[-spatial:], self.kernel_size, self.strides, self.around, self.dilation, strict=True)
            self.beyond = tuple(self._beyond(*step) for step in steps)

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """All padding before and behind each axis."""
        return tuple((around, around + beyond) for around, beyond in zip(self.around, self.beyond, strict=True))

    def _beyond(self, size: Dim, kernel: int, stride: int, around: int, dilation: int) -> int:
        """How far the last window reaches behind the padding; one that would begin there is dropped."""
        reach = (kernel - 1) * dilation + 1
        if not isinstance(size, int):
            if stride > reach - around:
                raise AsgError(
                    f"{self.function}: with ceil_mode, whether the last window begins within an axis of size {size} is "
                    f"not known; a stride of at most {reach - around} is needed there, or a known size"
                )
            return stride - 1
        free = size + 2 * around - reach
        places = -(-free // stride) + 1
        if (places - 1) * stride >= size + around:
            places -= 1
        return max(0, (places - 1) * stride - free)
