"""JAX's function for each op, over arrays and the node's attributes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from asg_schema.op import Op
from asg_schema.op_table import OPS

JaxFunction = Callable[..., Any]
FUNCTIONS: dict[type[Op], JaxFunction] = {}

# Ops that JAX has no counterpart of.
WITHOUT_COUNTERPART = {
    "adaptive_avg_pool": "no such function there; compared with PyTorch",
    "adaptive_max_pool": "no such function there; compared with PyTorch",
    "addcmul": "no such function there; compared with PyTorch",
    "attention_weights": "no such function there; compared with PyTorch",
    "call": "a function of the document",
    "cholesky": "signs and errors of another kind there; compared with PyTorch",
    "det": "signs and errors of another kind there; compared with PyTorch",
    "eigh": "signs and errors of another kind there; compared with PyTorch",
    "inv": "signs and errors of another kind there; compared with PyTorch",
    "lu": "signs and errors of another kind there; compared with PyTorch",
    "qr": "signs and errors of another kind there; compared with PyTorch",
    "slogdet": "signs and errors of another kind there; compared with PyTorch",
    "solve": "signs and errors of another kind there; compared with PyTorch",
    "svd": "signs and errors of another kind there; compared with PyTorch",
    "triangular_solve": "signs and errors of another kind there; compared with PyTorch",
    "avg_pool": "without counts of padding there; compared with PyTorch",
    "barrier": "its optimization barrier is another thing",
    "batch_norm": "a composite of its own there; compared with PyTorch",
    "bernoulli": "compared by itself",
    "binary_cross_entropy": "no such function there; compared with PyTorch",
    "categorical": "compared by itself",
    "constant": "no operand",
    "conv_transpose": "by other arguments there; compared with PyTorch",
    "cosine_similarity": "no such function there; compared with PyTorch",
    "cross_entropy": "a composite of its own there; compared with PyTorch",
    "dim_size": "a shape is not an array there",
    "dropout": "a composite of its own there; its random bits are compared",
    "embedding": "a layer there; compared with PyTorch",
    "full": "no operand",
    "gate": "no such function there; compared with PyTorch",
    "gather_nd": "index tuples are another thing there; compared with PyTorch",
    "global_avg_pool": "compared with PyTorch",
    "global_max_pool": "compared with PyTorch",
    "group_norm": "a composite of its own there; compared with PyTorch",
    "hardshrink": "a composite of its own there; compared with PyTorch",
    "hardsigmoid": "a composite of its own there; compared with PyTorch",
    "hardtanh": "a composite of its own there; compared with PyTorch",
    "instance_norm": "a composite of its own there; compared with PyTorch",
    "interpolate": "other conventions there; compared with PyTorch",
    "iota": "no operand",
    "layer_norm": "a composite of its own there; compared with PyTorch",
    "linear": "a composite of its own there; compared with PyTorch",
    "max_pool": "without indices there; compared with PyTorch",
    "max_unpool": "no such function there; compared with PyTorch",
    "nll": "no such function there; compared with PyTorch",
    "norm": "without derivatives at zeros there; compared with PyTorch",
    "normal": "compared by itself",
    "pairwise_distance": "no such function there; compared with PyTorch",
    "prelu": "a composite of its own there; compared with PyTorch",
    "rms_norm": "a composite of its own there; compared with PyTorch",
    "rng_bits": "compared by itself",
    "rotary_embedding": "no such function there; compared with PyTorch",
    "rstd": "no such function there; compared with PyTorch",
    "scatter_nd_add": "index tuples are another thing there; compared with PyTorch",
    "scatter_nd_set": "index tuples are another thing there; compared with PyTorch",
    "size": "a shape is not an array there",
    "softplus": "without beta and threshold there; compared with PyTorch",
    "softshrink": "a composite of its own there; compared with PyTorch",
    "tanhshrink": "a composite of its own there; compared with PyTorch",
    "top_k": "along the last axis alone there; compared with PyTorch",
    "uniform": "compared by itself",
}

_SAME_NAME = [
    *("negative", "abs", "sign", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "round", "add", "subtract", "multiply"),
    *("divide", "pow", "maximum", "minimum", "atan2", "remainder", "where", "equal", "not_equal", "less", "less_equal"),
    *("greater", "greater_equal", "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor"),
    *("logical_not", "matmul", "argmax", "argmin", "mean", "var", "std", "reshape", "broadcast_to", "flip"),
]
_RENAMED: dict[str, JaxFunction] = {
    "rsqrt": lax.rsqrt,
    "erf": jax.scipy.special.erf,
    "erfinv": jax.scipy.special.erfinv,
    "lgamma": jax.scipy.special.gammaln,
    "digamma": jax.scipy.special.digamma,
    "polygamma": lambda x, n: jax.scipy.special.polygamma(n, x),
    "normal_cdf": jax.scipy.stats.norm.cdf,
    "normal_pdf": jax.scipy.stats.norm.pdf,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "silu": jax.nn.silu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "relu6": jax.nn.relu6,
    "hardswish": jax.nn.hard_swish,
    "mish": jax.nn.mish,
    "softsign": jax.nn.soft_sign,
    "log_sigmoid": jax.nn.log_sigmoid,
    "glu": jax.nn.glu,
    "einsum": lambda *operands, equation: jnp.einsum(equation, *operands),
    "outer": jnp.outer,
    "stack": lambda *arrays, axis=0: jnp.stack(arrays, axis),
    "tile": lambda x, repetitions: jnp.tile(x, repetitions),
    "repeat": lambda x, repeats, axis=None: jnp.repeat(x, repeats, axis),
    "roll": lambda x, shift, axis=None: jnp.roll(x, shift, axis),
    "pad_reflect": lambda x, low, high: jnp.pad(x, [*zip(low, high, strict=True)], "reflect") if low else x,
    "pad_edge": lambda x, low, high: jnp.pad(x, [*zip(low, high, strict=True)], "edge") if low else x,
    "gelu": lambda x, approximate="none": jax.nn.gelu(x, approximate == "tanh"),
    "clip": lambda x, min=None, max=None: jnp.clip(x, *_bounds(x, min, max)),
    "stop_gradient": lax.stop_gradient,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "logsumexp": jax.scipy.special.logsumexp,
    "sum": lambda x, **attributes: jnp.sum(x, dtype=x.dtype, **attributes),
    "prod": lambda x, **attributes: jnp.prod(x, dtype=x.dtype, **attributes),
    "max": lambda x, **attributes: jnp.max(x, **attributes),
    "min": lambda x, **attributes: jnp.min(x, **attributes),
    "sort": lambda x, axis=-1, descending=False, stable=True: jnp.sort(
        x, axis=axis, descending=descending, stable=stable
    ),
    "argsort": lambda x, axis=-1, descending=False, stable=True: jnp.argsort(
        x, axis=axis, descending=descending, stable=stable
    ),
    "one_hot": lambda x, num_classes, dtype="float32": jax.nn.one_hot(x, num_classes, dtype=dtype),
    "diag": lambda x, k=0: jnp.diag(x, k),
    "diagonal": lambda x, offset=0: jnp.linalg.diagonal(x, offset=offset),
    "tril": lambda x, k=0: jnp.tril(x, k),
    "triu": lambda x, k=0: jnp.triu(x, k),
    "concat": lambda *arrays, axis=0: jnp.concatenate(arrays, axis),
    "permute_dims": lambda x, axes: jnp.permute_dims(x, [axis % x.ndim for axis in axes]),
    "take": lambda x, indices, axis=0: jnp.take(x, indices, axis),
    "take_along_axis": lambda x, indices, axis=-1: jnp.take_along_axis(x, indices, axis),
    "astype": lambda x, dtype: x.astype(dtype),
    "dynamic_update_slice": lambda x, update, start: lax.dynamic_update_slice(
        x, update, list(start), allow_negative_indices=False
    ),
    "dynamic_slice": lambda x, start, shape: lax.dynamic_slice(x, list(start), shape, allow_negative_indices=False),
}
FUNCTIONS.update({OPS[name]: getattr(jnp, name) for name in _SAME_NAME})
FUNCTIONS.update({OPS[name]: function for name, function in _RENAMED.items()})


def _define(name: str) -> Callable[[JaxFunction], JaxFunction]:
    def enter(function: JaxFunction) -> JaxFunction:
        FUNCTIONS[OPS[name]] = function
        return function

    return enter


def _bounds(x: Array, *bounds: float | None) -> list[Any]:
    return [bound if bound is None else jnp.asarray(bound, x.dtype) for bound in bounds]


@_define("cumulative_sum")
def _cumulative_sum(x: Array, axis: int, reverse: bool = False, exclusive: bool = False) -> Array:
    total = lax.cumsum(x, axis % x.ndim, reverse=reverse)
    return total - x if exclusive else total


@_define("cumulative_prod")
def _cumulative_prod(x: Array, axis: int, reverse: bool = False, exclusive: bool = False) -> Array:
    turned = jnp.flip(x, axis) if reverse else x
    if exclusive and turned.shape[axis]:
        before = lax.slice_in_dim(turned, 0, turned.shape[axis] - 1, axis=axis % x.ndim)
        turned = jnp.concatenate([jnp.ones_like(lax.slice_in_dim(turned, 0, 1, axis=axis % x.ndim)), before], axis)
    product = jnp.cumprod(turned, axis, dtype=x.dtype)
    return jnp.flip(product, axis) if reverse else product


@_define("slice")
def _slice(x: Array, start: Any, stop: Any, step: Any = None) -> Array:
    return lax.slice(x, start, stop, step)


@_define("pad")
def _pad(x: Array, low: Any, high: Any, interior: Any = None, value: float = 0.0) -> Array:
    padding = list(zip(low, high, interior or [0] * x.ndim, strict=True))
    return lax.pad(x, jnp.asarray(value, x.dtype), padding)


@_define("index_add")
def _index_add(x: Array, indices: Array, source: Array, axis: int = 0) -> Array:
    return x.at[(*[slice(None)] * (axis % x.ndim), indices)].add(source)


@_define("scatter_add_along_axis")
def _scatter_add_along_axis(x: Array, indices: Array, source: Array, axis: int = -1) -> Array:
    places = list(jnp.indices(indices.shape, sparse=True))
    places[axis % x.ndim] = indices
    return x.at[tuple(places)].add(source)


@_define("attention")
def _attention(
    query: Array, key: Array, value: Array, mask: Array | None = None, causal: bool = False, scale: float | None = None
) -> Array:
    scores = jnp.einsum("...le,...se->...ls", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    allowed = jnp.ones(scores.shape[-2:], bool)
    if mask is not None and mask.dtype == bool:
        allowed = allowed & mask
    elif mask is not None:
        scores = scores + mask
    if causal:
        allowed = allowed & jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return jnp.einsum("...ls,...se->...le", jax.nn.softmax(scores, where=allowed), value)


@_define("conv")
def _conv(x: Array, weight: Array, **attributes: Any) -> Array:
    spatial = x.ndim - 2
    strides, between, dilation = (
        attributes.get(name) or [1] * spatial for name in ("strides", "lhs_dilation", "rhs_dilation")
    )
    return lax.conv_general_dilated(
        x,
        weight,
        strides,
        attributes.get("padding") or [(0, 0)] * spatial,
        between,
        dilation,
        feature_group_count=attributes.get("feature_groups", 1),
        batch_group_count=attributes.get("batch_groups", 1),
    )


@_define("window_sum")
def _window_sum(x: Array, kernel_size: Any, **attributes: Any) -> Array:
    leading, same = (1,) * (x.ndim - len(kernel_size)), (1,) * len(kernel_size)
    padding = attributes.get("padding", ((0, 0),) * len(kernel_size))
    return lax.reduce_window(
        x,
        jnp.zeros((), x.dtype),
        lax.add,
        (*leading, *kernel_size),
        (*leading, *attributes.get("strides", same)),
        (*((0, 0) for _ in leading), *padding),
        window_dilation=(*leading, *attributes.get("dilation", same)),
    )
