"""The workloads in JAX: one jitted step with donated state."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import BlockSize, CnnSize, MlpSize, Workload

__all__ = ["JaxSteps"]

Parameters = dict[str, Any]


def _linear(p: Parameters, name: str, x: Any) -> Any:
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def _layer_norm(p: Parameters, name: str, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def _blocks(size: BlockSize, p: Parameters, x: Any) -> Any:
    def heads(x: Any) -> Any:
        return x.reshape(*x.shape[:2], size.num_heads, -1).transpose(0, 2, 1, 3)

    for layer in range(size.layers):
        name = f"{layer}"
        query, key, value = map(heads, jnp.split(_linear(p, f"{name}.qkv", _layer_norm(p, f"{name}.norm1", x)), 3, -1))
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
        attended = (jax.nn.softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + _linear(p, f"{name}.out", attended)
        hidden = _linear(p, f"{name}.linear1", _layer_norm(p, f"{name}.norm2", x))
        x = x + _linear(p, f"{name}.linear2", jax.nn.gelu(hidden, approximate=False))
    return x


def _mlp(size: MlpSize, p: Parameters, x: Any) -> Any:
    last = len(size.widths) - 2
    for index in range(last):
        x = jax.nn.relu(_linear(p, f"{2 * index}", x))
    return _linear(p, f"{2 * last}", x)


def _cnn(size: CnnSize, p: Parameters, x: Any) -> Any:
    window = (1, 1, 2, 2)
    for name in ("0", "3"):
        x = jax.lax.conv(x, p[f"{name}.weight"], (1, 1), "SAME") + p[f"{name}.bias"][:, None, None]
        x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, window, window, "VALID")
    return _linear(p, "9", jax.nn.relu(_linear(p, "7", x.reshape(len(x), -1))))


def _forward(size: BlockSize | MlpSize | CnnSize) -> Callable[[Parameters, Any], Any]:
    if isinstance(size, BlockSize):
        return lambda p, x: _blocks(size, p, x)
    if isinstance(size, CnnSize):
        return lambda p, x: _cnn(size, p, x)
    return lambda p, x: _mlp(size, p, x)


def _mse(y: Any, target: Any) -> Any:
    return ((y - target) ** 2).mean()


def _cross_entropy(y: Any, labels: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(y), labels[:, None], axis=1).mean()


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


def _name(name: str) -> str:
    """The name that a parameter has here."""
    name = name.removeprefix("sequential.")
    return name.replace("self_attn.in_proj_", "qkv.").replace("self_attn.out_proj.", "out.")


class JaxSteps:
    """See `benchmarks.steps.Steps`.

    Args:
        workload: what is computed.
        weights: the values that the parameters have at the start; matrices are [out, in], and [in, out] here.
    """

    def __init__(self, workload: Workload, weights: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._weights = {_name(name): array.T.copy() if array.ndim == 2 else array for name, array in weights.items()}
        batch = {name: jnp.asarray(array) for name, array in workload.batch().items()}
        self._parameters: Parameters = {}
        self._state: Any = ()
        self._adapts = workload.optimizer is not None and workload.optimizer["kind"] == "adam"
        self.restart()
        self.step = self._training_step(workload, batch) if workload.optimizer else self._answer(workload, batch["x"])

    def restart(self) -> None:
        """Give the parameters their first values, and the optimizer its first state."""
        self._parameters = {name: jnp.array(array) for name, array in self._weights.items()}
        if self._adapts:
            self._state = (
                jnp.zeros((), jnp.float32),
                *(jax.tree.map(jnp.zeros_like, self._parameters) for _ in range(2)),
            )

    def _answer(self, workload: Workload, x: Any) -> Callable[[], object]:
        compiled = jax.jit(_forward(workload.model))
        return lambda: np.asarray(compiled(self._parameters, x))

    def _training_step(self, workload: Workload, batch: Mapping[str, Any]) -> Callable[[], object]:
        forward, x, rate = _forward(workload.model), batch["x"], workload.optimizer["learning_rate"]
        is_block = isinstance(workload.model, BlockSize)
        loss_of, target = (_mse, batch["target"]) if is_block else (_cross_entropy, batch["labels"])
        update = _adam if self._adapts else _sgd

        def loss(p: Parameters, x: Any, target: Any) -> Any:
            return loss_of(forward(p, x), target)

        def pure_step(p: Parameters, state: Any, x: Any, target: Any) -> tuple[Parameters, Any, Any]:
            value, gradient = jax.value_and_grad(loss)(p, x, target)
            p, state = update(rate, p, gradient, state)
            return p, state, value

        compiled = jax.jit(pure_step, donate_argnums=(0, 1))

        def step() -> object:
            self._parameters, self._state, value = compiled(self._parameters, self._state, x, target)
            return float(value)

        return step
