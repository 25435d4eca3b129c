"""Windows that slide over spatial axes, as the ops have them.

Attributes that are lists have one entry for each spatial axis; None is 1, or no padding. `padding` is a list of pairs
[low, high]; negative ones remove elements. The functions with the names and arguments of `torch.nn.functional` are in
`asg_builder.functions.window_convolution`, `asg_builder.functions.window_pooling` and
`asg_builder.functions.window_adaptive`.
"""

from collections.abc import Sequence

from asg_builder.tensor import Tensor, apply, apply_all
from asg_schema.composites.window import AvgPool
from asg_schema.ops.window import Conv, MaxPool, WindowSum

__all__ = ["avg_pool", "conv", "max_pool", "pairs_of", "steps_of", "window_sum"]


def steps_of(given: Sequence[int] | None) -> tuple[int, ...] | None:
    """A list with one number for each axis, as an op has it."""
    return None if given is None else tuple(given)


def pairs_of(given: Sequence[Sequence[int]] | None) -> tuple[tuple[int, ...], ...] | None:
    """A list with a pair of numbers for each axis, as an op has it."""
    return None if given is None else tuple(map(tuple, given))


def conv(
    x: Tensor,
    weight: Tensor,
    /,
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    feature_groups: int = 1,
    batch_groups: int = 1,
) -> Tensor:
    """Convolution, written as cross-correlation, over one to three spatial axes.

    Args:
        x: [N, C, *spatial], of any number dtype.
        weight: [O, C / feature_groups, *kernel].
        strides: how far the window moves.
        padding: zeros before and behind.
        lhs_dilation: how far neighbours of x are moved apart, zeros between them.
        rhs_dilation: how far the positions of the window lie apart.
        feature_groups: into how many groups the channels fall.
        batch_groups: into how many groups the batch falls; one of the two is 1.

    Returns:
        [N / batch_groups, O, *places].
    """
    return apply(
        Conv,
        x,
        weight,
        strides=steps_of(strides),
        padding=pairs_of(padding),
        lhs_dilation=steps_of(lhs_dilation),
        rhs_dilation=steps_of(rhs_dilation),
        feature_groups=feature_groups,
        batch_groups=batch_groups,
    )


def window_sum(
    x: Tensor,
    /,
    kernel_size: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    dilation: Sequence[int] | None = None,
) -> Tensor:
    """The sum of each window over the last axes of x, of any number dtype; padding counts as 0."""
    given = {"strides": steps_of(strides), "padding": pairs_of(padding), "dilation": steps_of(dilation)}
    return apply(WindowSum, x, kernel_size=tuple(kernel_size), **given)


def max_pool(
    x: Tensor,
    /,
    kernel_size: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    dilation: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window over the last axes of x, and where it stands.

    Args:
        x: of any number dtype.
        kernel_size: how many positions the window has along each of the last axes.
        strides: how far the window moves.
        padding: what goes before and behind; it is never the largest.
        dilation: how far the positions of the window lie apart.

    Returns:
        The values, NaN where a window holds one; and int64 indices into the spatial axes of x made one, of the first
        element that is as large.
    """
    given = {"strides": steps_of(strides), "padding": pairs_of(padding), "dilation": steps_of(dilation)}
    values, indices = apply_all(MaxPool, x, kernel_size=tuple(kernel_size), **given)
    return values, indices


def avg_pool(
    x: Tensor,
    /,
    kernel_size: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    count_include_pad: bool = True,
) -> Tensor:
    """The arithmetic mean of each window over the last axes of x, of a floating-point dtype.

    Args:
        x: the tensor.
        kernel_size: how many positions the window has along each of the last axes.
        strides: how far the window moves.
        padding: zeros before and behind.
        count_include_pad: whether these zeros count as elements of a window.
    """
    given = {"strides": steps_of(strides), "padding": pairs_of(padding), "count_include_pad": count_include_pad}
    return apply(AvgPool, x, kernel_size=tuple(kernel_size), **given)
