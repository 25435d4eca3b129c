"""The workloads in JAX: one jitted step with donated state."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import BlockSize, CnnSize, Workload

__all__ = ["jax_step"]

Parameters = dict[str, Any]


def _layer_norm(x: Any, scale: Any, bias: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + bias


def _block_parameters(size: BlockSize) -> Parameters:
    rng = np.random.default_rng(0)
    width, hidden = size.embed_dim, size.ff_dim
    shapes = {"query": (width, width), "key": (width, width), "value": (width, width), "out": (width, width)}
    shapes |= {"up": (width, hidden), "down": (hidden, width)}
    result: Parameters = {}
    for name, shape in shapes.items():
        bound = 1 / math.sqrt(shape[0])
        result[name] = jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32)
        result[f"{name}.bias"] = jnp.zeros(shape[1], jnp.float32)
    for name in ("norm1", "norm2"):
        result[name], result[f"{name}.bias"] = jnp.ones(width), jnp.zeros(width)
    return result


def _block_loss(size: BlockSize) -> Callable[[Parameters, Any, Any], Any]:
    def heads(x: Any) -> Any:
        return x.reshape(*x.shape[:2], size.num_heads, -1).transpose(0, 2, 1, 3)

    def loss(p: Parameters, x: Any, target: Any) -> Any:
        normed = _layer_norm(x, p["norm1"], p["norm1.bias"])
        query, key, value = (heads(normed @ p[name] + p[f"{name}.bias"]) for name in ("query", "key", "value"))
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
        attended = (jax.nn.softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + attended @ p["out"] + p["out.bias"]
        hidden = jax.nn.gelu(_layer_norm(x, p["norm2"], p["norm2.bias"]) @ p["up"] + p["up.bias"], approximate=False)
        return ((x + hidden @ p["down"] + p["down.bias"] - target) ** 2).mean()

    return loss


def _mlp_parameters(widths: tuple[int, ...]) -> Parameters:
    rng = np.random.default_rng(0)
    result: Parameters = {}
    for index, shape in enumerate(itertools.pairwise(widths)):
        bound = 1 / math.sqrt(shape[0])
        result[f"weight{index}"] = jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32)
        result[f"bias{index}"] = jnp.zeros(shape[1], jnp.float32)
    return result


def _mlp_loss(layers: int) -> Callable[[Parameters, Any, Any], Any]:
    def loss(p: Parameters, x: Any, labels: Any) -> Any:
        for index in range(layers):
            x = x @ p[f"weight{index}"] + p[f"bias{index}"]
            if index < layers - 1:
                x = jax.nn.relu(x)
        return -jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], axis=1).mean()

    return loss


def _cnn_parameters(size: CnnSize) -> Parameters:
    rng = np.random.default_rng(0)
    inputs, first, second = size.channels
    shapes = {"conv0": (first, inputs, 3, 3), "conv1": (second, first, 3, 3)}
    shapes |= {"dense0": (size.features, size.hidden), "dense1": (size.hidden, size.classes)}
    result: Parameters = {}
    for name, shape in shapes.items():
        convolves = len(shape) == 4
        bound = 1 / math.sqrt(math.prod(shape[1:]) if convolves else shape[0])
        result[name] = jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32)
        result[f"{name}.bias"] = jnp.zeros(shape[0] if convolves else shape[1], jnp.float32)
    return result


def _cnn_loss(p: Parameters, x: Any, labels: Any) -> Any:
    for name in ("conv0", "conv1"):
        x = jax.lax.conv(x, p[name], (1, 1), "SAME") + p[f"{name}.bias"][:, None, None]
        window = (1, 1, 2, 2)
        x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, window, window, "VALID")
    x = jax.nn.relu(x.reshape(len(x), -1) @ p["dense0"] + p["dense0.bias"])
    x = x @ p["dense1"] + p["dense1.bias"]
    return -jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], axis=1).mean()


def _sgd(rate: float, p: Parameters, gradient: Parameters, state: Any) -> tuple[Parameters, Any]:
    return jax.tree.map(lambda value, g: value - rate * g, p, gradient), state


def _adam(rate: float, p: Parameters, gradient: Parameters, state: Any) -> tuple[Parameters, Any]:
    count, first, second = state
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    a, b = 1 - 0.9**count, 1 - 0.999**count
    p = jax.tree.map(lambda value, m, v: value - rate * (m / a) / (jnp.sqrt(v / b) + 1e-8), p, first, second)
    return p, (count, first, second)


def jax_step(workload: Workload) -> Callable[[], object]:
    """One training step of the workload: gradient, update, and the loss as a number."""
    if workload.block:
        p, loss = _block_parameters(workload.block), _block_loss(workload.block)
        target = jnp.asarray(workload.batch["target"])
    elif workload.cnn:
        p, loss = _cnn_parameters(workload.cnn), _cnn_loss
        target = jnp.asarray(workload.batch["labels"])
    else:
        p, loss = _mlp_parameters(workload.widths), _mlp_loss(len(workload.widths) - 1)
        target = jnp.asarray(workload.batch["labels"])
    rate = workload.optimizer["learning_rate"]
    zeros = jax.tree.map(jnp.zeros_like, p)
    held = [p, (jnp.zeros(()), zeros, jax.tree.map(jnp.copy, zeros))]
    update = _adam if workload.optimizer["kind"] == "adam" else _sgd
    x = jnp.asarray(workload.batch["x"])

    def pure_step(p: Parameters, state: Any, x: Any, target: Any) -> tuple[Parameters, Any, Any]:
        value, gradient = jax.value_and_grad(loss)(p, x, target)
        p, state = update(rate, p, gradient, state)
        return p, state, value

    compiled = jax.jit(pure_step, donate_argnums=(0, 1))

    def step() -> float:
        held[0], held[1], value = compiled(held[0], held[1], x, target)
        return float(value)

    return step
