"""PyTorch's function for each op, over tensors and the node's attributes."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name by which it is known
from torch import Tensor

from asg_schema.op import Op
from asg_schema.op_table import OPS
from parity import torch_composites, torch_indexing, torch_linalg, torch_ordering, torch_windows

TorchFunction = Callable[..., Any]
FUNCTIONS: dict[type[Op], TorchFunction] = {}

# Ops that PyTorch has no counterpart of.
WITHOUT_COUNTERPART = {
    "bernoulli": "another generator; compared with JAX",
    "call": "a function of the document",
    "categorical": "another generator; compared with JAX",
    "constant": "no operand",
    "dim_size": "a shape is not a tensor there",
    "dropout": "other random bits; the scaling is compared by itself",
    "full": "no operand",
    "iota": "no operand",
    "normal": "another generator; compared with JAX",
    "rng_bits": "another generator; compared with JAX",
    "size": "a shape is not a tensor there",
    "uniform": "another generator; compared with JAX",
}

_RENAMED = {
    "equal": torch.eq,
    "not_equal": torch.ne,
    "silu": F.silu,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "leaky_relu": F.leaky_relu,
    "linear": F.linear,
    "stop_gradient": Tensor.detach,
    "barrier": Tensor.clone,
    "binary_cross_entropy": F.binary_cross_entropy,
}
_SAME_NAME = [
    *("negative", "abs", "sign", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos"),
    *("atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfinv", "floor", "ceil", "round", "sigmoid"),
    *("lgamma", "digamma", "add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "atan2", "remainder"),
    *("where", "less", "less_equal", "greater", "greater_equal", "isnan", "isinf", "isfinite", "logical_and"),
    *("logical_or", "logical_xor", "logical_not", "matmul", "relu"),
]
for _name in _SAME_NAME:
    FUNCTIONS[OPS[_name]] = getattr(torch, _name)
for _name, _function in (
    _RENAMED
    | torch_composites.FUNCTIONS
    | torch_indexing.FUNCTIONS
    | torch_linalg.FUNCTIONS
    | torch_ordering.FUNCTIONS
    | torch_windows.FUNCTIONS
).items():
    FUNCTIONS[OPS[_name]] = _function


def _define(name: str) -> Callable[[TorchFunction], TorchFunction]:
    def enter(function: TorchFunction) -> TorchFunction:
        FUNCTIONS[OPS[name]] = function
        return function

    return enter


def _axes(x: Tensor, axis: Any) -> list[int]:
    return list(range(x.ndim)) if axis is None else sorted(a % x.ndim for a in axis)


@_define("polygamma")
def _polygamma(x: Tensor, n: int) -> Tensor:
    return torch.polygamma(n, x)


@_define("clip")
def _clip(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    bounds = [bound if bound is None or x.is_floating_point() else int(bound) for bound in (min, max)]
    return torch.clamp(x, *bounds)


@_define("astype")
def _astype(x: Tensor, dtype: str) -> Tensor:
    return x.to(getattr(torch, dtype))


def _reduce(function: TorchFunction, x: Tensor, axis: Any, keepdims: bool, **options: Any) -> Tensor:
    axes = _axes(x, axis)
    return function(x, dim=axes, keepdim=keepdims, **options) if axes else x.clone()


@_define("sum")
def _sum(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduce(torch.sum, x, axis, keepdims, dtype=x.dtype)


@_define("prod")
def _prod(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    for dim in reversed(_axes(x, axis)):
        x = torch.prod(x, dim=dim, keepdim=keepdims, dtype=x.dtype)
    return x


@_define("max")
def _max(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduce(torch.amax, x, axis, keepdims)


@_define("min")
def _min(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduce(torch.amin, x, axis, keepdims)


@_define("mean")
def _mean(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduce(torch.mean, x, axis, keepdims)


@_define("var")
def _var(x: Tensor, axis: Any = None, keepdims: bool = False, correction: float = 0.0) -> Tensor:
    return torch.var(x, dim=_axes(x, axis), keepdim=keepdims, correction=correction)


@_define("logsumexp")
def _logsumexp(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _reduce(torch.logsumexp, x, axis, keepdims)


@_define("argmax")
def _argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.argmax(x, dim=axis, keepdim=keepdims)


@_define("argmin")
def _argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.argmin(x, dim=axis, keepdim=keepdims)


@_define("cumulative_sum")
def _cumulative_sum(x: Tensor, axis: int, reverse: bool = False, exclusive: bool = False) -> Tensor:
    turned = x.flip(axis) if reverse else x
    total = torch.cumsum(turned, axis, dtype=x.dtype)
    total = total - turned if exclusive else total
    return total.flip(axis) if reverse else total


@_define("softmax")
def _softmax(x: Tensor, axis: int = -1) -> Tensor:
    return torch.softmax(x, axis)


@_define("log_softmax")
def _log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    return torch.log_softmax(x, axis)


@_define("layer_norm")
def _layer_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, normalized_shape: Any, eps: float = 1e-5
) -> Tensor:
    return F.layer_norm(x, list(normalized_shape), weight, bias, eps)


def _of_classes(function: TorchFunction, scores: Tensor, target: Tensor, axis: int, **options: Any) -> Tensor:
    # PyTorch has the classes on axis 1, behind the batch, and ignores -100 where nothing is named.
    classes = scores.movedim(axis, 0)
    wanted = target.movedim(axis, 0) if target.is_floating_point() else target.long()
    ignored = options.pop("ignore_index", None)
    options["ignore_index"] = -100 if ignored is None else ignored
    losses = function(classes.unsqueeze(0).contiguous(), wanted.unsqueeze(0), **options)
    return losses[0] if options.get("reduction") == "none" else losses


@_define("cross_entropy")
def _cross_entropy(
    scores: Tensor, target: Tensor, weight: Tensor | None = None, axis: int = -1, **options: Any
) -> Tensor:
    return _of_classes(F.cross_entropy, scores, target, axis, weight=weight, **options)


@_define("nll")
def _nll(logarithms: Tensor, target: Tensor, weight: Tensor | None = None, axis: int = -1, **options: Any) -> Tensor:
    return _of_classes(F.nll_loss, logarithms, target, axis, weight=weight, **options)


@_define("attention")
def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    if mask is not None and causal:  # PyTorch takes one of the two
        mask, causal = mask & torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril(), False
    return F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal, scale=scale)


@_define("attention_weights")
def _attention_weights(
    query: Tensor, key: Tensor, mask: Tensor | None = None, causal: bool = False, scale: float | None = None
) -> Tensor:
    # With the unit vectors as values, what attention yields is its weights.
    return _attention(query, key, torch.eye(key.shape[-2], dtype=query.dtype), mask, causal, scale)


@_define("reshape")
def _reshape(x: Tensor, shape: Any) -> Tensor:
    return x.reshape(list(shape))


@_define("permute_dims")
def _permute_dims(x: Tensor, axes: Any) -> Tensor:
    return x.permute(list(axes))


@_define("broadcast_to")
def _broadcast_to(x: Tensor, shape: Any) -> Tensor:
    return x.broadcast_to(list(shape))


@_define("concat")
def _concat(*arrays: Tensor, axis: int = 0) -> Tensor:
    return torch.cat(arrays, axis)


@_define("slice")
def _slice(x: Tensor, start: Any, stop: Any, step: Any = None) -> Tensor:
    return x[tuple(map(slice, start, stop, step or [1] * x.ndim)) or ...]


@_define("pad")
def _pad(x: Tensor, low: Any, high: Any, interior: Any = None, value: float = 0.0) -> Tensor:
    between = interior or [0] * x.ndim
    shape = [max(n - 1, 0) * gap + n for n, gap in zip(x.shape, between, strict=True)]
    stretched = torch.full(shape, value, dtype=x.dtype)
    stretched[tuple(slice(None, None, gap + 1) for gap in between) or ...] = x
    amounts = [amount for pair in zip(reversed(low), reversed(high), strict=True) for amount in pair]
    return F.pad(stretched, amounts, value=value)


@_define("flip")
def _flip(x: Tensor, axis: Any = None) -> Tensor:
    return x.flip(_axes(x, axis))


def _block(x: Tensor, start: Tensor, shape: Any) -> Any:
    first = [min(max(int(i), 0), n - size) for i, n, size in zip(start, x.shape, shape, strict=True)]
    return tuple(slice(i, i + size) for i, size in zip(first, shape, strict=True)) or ...


@_define("dynamic_slice")
def _dynamic_slice(x: Tensor, start: Tensor, shape: Any) -> Tensor:
    return x[_block(x, start, shape)]


@_define("dynamic_update_slice")
def _dynamic_update_slice(x: Tensor, update: Tensor, start: Tensor) -> Tensor:
    result = x.clone()
    result[_block(x, start, update.shape)] = update
    return result


@_define("take")
def _take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    return x[(*[slice(None)] * (axis % x.ndim), indices.long())]


@_define("index_add")
def _index_add(x: Tensor, indices: Tensor, source: Tensor, axis: int = 0) -> Tensor:
    axis %= x.ndim
    places = list(range(indices.ndim))
    ahead = source.movedim([axis + place for place in places], places)
    return x.movedim(axis, 0).index_put((indices.long(),), ahead, accumulate=True).movedim(0, axis)


@_define("take_along_axis")
def _take_along_axis(x: Tensor, indices: Tensor, axis: int = -1) -> Tensor:
    return torch.gather(x, axis, indices.long() % x.shape[axis])


@_define("scatter_add_along_axis")
def _scatter_add_along_axis(x: Tensor, indices: Tensor, source: Tensor, axis: int = -1) -> Tensor:
    return x.scatter_add(axis, indices.long() % x.shape[axis], source)
