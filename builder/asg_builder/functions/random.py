"""Random numbers. Every function is one of its key: the same key, the same numbers.

A key is uint32[2]. Where it is left out, or None, it is a new one of the current graph, `asg.rng_key()`.
"""

from typing import Literal

from asg_builder.arguments import AxisLike, DTypeLike, ShapeLike, as_axes, as_dtype, as_shape
from asg_builder.graph import rng_key
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.random import Dropout
from asg_schema.composites.random_distributions import Bernoulli, Categorical, Normal, Uniform
from asg_schema.errors import AsgError
from asg_schema.ops.random import RngBits

__all__ = [
    "bernoulli",
    "categorical",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "normal",
    "rng_bits",
    "uniform",
]


def rng_bits(
    key: Tensor, /, shape: ShapeLike, *, offset: int = 0, word: Literal["xor", "first", "second"] = "xor"
) -> Tensor:
    """Independent uniform 32-bit words, uint32 (Threefry-2x32; the same on every engine).

    Args:
        key: uint32[2], such as `asg.rng_key()`; or several keys […, 2], which each draw by themselves.
        shape: the shape of what each key draws; the result has the leading axes of the keys before it.
        offset: the counter of the first element; results of one key whose counters do not overlap are independent.
        word: which of the two independent words of each counter: the first, the second, or their exclusive or.
    """
    return apply(RngBits, key, shape=as_shape(shape), offset=offset, word=word)


def uniform(
    key: Tensor | None = None,
    *,
    shape: ShapeLike,
    dtype: DTypeLike = "float32",
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Independent numbers, uniform in [low, high); those of `jax.random.uniform`.

    Args:
        key: uint32[2]; None is a new one of the current graph.
        shape: the shape of the result.
        dtype: its dtype, a floating-point one.
        low: the lower bound, finite.
        high: the upper bound, finite and at least `low`.
    """
    return apply(Uniform, _given(key), shape=as_shape(shape), dtype=as_dtype(dtype), low=low, high=high)


def normal(
    key: Tensor | None = None,
    *,
    shape: ShapeLike,
    dtype: DTypeLike = "float32",
    mean: float = 0.0,
    std: float = 1.0,
) -> Tensor:
    """Independent numbers of the normal distribution; those of `jax.random.normal`.

    Args:
        key: uint32[2]; None is a new one of the current graph.
        shape: the shape of the result.
        dtype: its dtype, a floating-point one. float16 and bfloat16 have few values, and none far from the mean.
        mean: the mean.
        std: the standard deviation, at least 0.
    """
    return apply(Normal, _given(key), shape=as_shape(shape), dtype=as_dtype(dtype), mean=mean, std=std)


def bernoulli(key: Tensor | None, p: Tensor | float, *, shape: ShapeLike | None = None) -> Tensor:
    """True with probability p, independently for each element; as `jax.random.bernoulli`. Not differentiable.

    Args:
        key: uint32[2]; None is a new one of the current graph.
        p: the probabilities, of a floating-point dtype; a number is float32.
        shape: the shape of the result, to which p broadcasts; None is that of p.

    Returns:
        bool.
    """
    given = _given(key)
    probability = p if isinstance(p, Tensor) else given.editor.full((), float(p), as_dtype("float32"))
    return apply(Bernoulli, given, probability, shape=None if shape is None else as_shape(shape))


def categorical(key: Tensor | None, logits: Tensor, *, axis: int = -1, shape: ShapeLike | None = None) -> Tensor:
    """A class drawn with the probabilities softmax(logits) along `axis`; as `jax.random.categorical`.

    Args:
        key: uint32[2]; None is a new one of the current graph.
        logits: scores of the classes, of a floating-point dtype; not differentiable.
        axis: the axis of the classes.
        shape: the shape of the result, to which that of the logits without `axis` broadcasts; None is that.

    Returns:
        Class indices, int64.
    """
    return apply(Categorical, _given(key), logits, axis=axis, shape=None if shape is None else as_shape(shape))


def dropout(x: Tensor, key: Tensor | None = None, *, p: float = 0.5, broadcast_axes: AxisLike = ()) -> Tensor:
    """0 with probability p, else x / (1 - p), independently for each element (Srivastava et al., 2014).

    Args:
        x: of a floating-point dtype.
        key: uint32[2]; None is a new one of the current graph.
        p: the probability, from 0 to 1.
        broadcast_axes: axes along which elements are dropped together; None is all of them.
    """
    axes = as_axes(broadcast_axes)
    return apply(Dropout, x, _given(key), p=p, broadcast_axes=tuple(range(x.ndim)) if axes is None else axes)


def dropout1d(x: Tensor, key: Tensor | None = None, *, p: float = 0.5) -> Tensor:
    """Whole channels dropped, of x [N, C, L] or [C, L]; see `dropout`.

    Raises:
        AsgError: x has another number of axes.
    """
    return _channel_dropout(x, key, p, 1)


def dropout2d(x: Tensor, key: Tensor | None = None, *, p: float = 0.5) -> Tensor:
    """Whole channels dropped, of x [N, C, H, W]; see `dropout`.

    Three axes are refused: `torch.nn.functional.dropout2d` takes them as [N, C, L], which is `dropout1d`, and its
    documentation as [C, H, W].

    Raises:
        AsgError: x has another number of axes.
    """
    return _channel_dropout(x, key, p, 2)


def dropout3d(x: Tensor, key: Tensor | None = None, *, p: float = 0.5) -> Tensor:
    """Whole channels dropped, of x [N, C, D, H, W] or [C, D, H, W]; see `dropout`.

    Raises:
        AsgError: x has another number of axes.
    """
    return _channel_dropout(x, key, p, 3)


def _channel_dropout(x: Tensor, key: Tensor | None, p: float, spatial_axes: int) -> Tensor:
    """Dropout that shares its bits along the last `spatial_axes` axes."""
    wanted = {1: "[N, C, L] or [C, L]", 2: "[N, C, H, W]", 3: "[N, C, D, H, W] or [C, D, H, W]"}[spatial_axes]
    unbatched = x.ndim == spatial_axes + 1 and spatial_axes != 2
    if not (unbatched or x.ndim == spatial_axes + 2):
        raise AsgError(f"dropout{spatial_axes}d: {x} has {x.ndim} axes; {wanted} is needed")
    return dropout(x, key, p=p, broadcast_axes=tuple(range(-spatial_axes, 0)))


def _given(key: Tensor | None) -> Tensor:
    return rng_key() if key is None else key
