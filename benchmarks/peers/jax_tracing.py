"""The chain of `benchmarks.stage_process` in JAX: `python -m benchmarks.peers.jax_tracing LENGTH`."""

import json
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp


def _chain(length: int, x: Any) -> Any:
    value = x
    for index in range(length - 1):
        kind = index % 3
        value = jnp.sin(value) if kind == 0 else value * x if kind == 1 else jnp.tanh(value)
    return value.sum()


def main(length: int) -> None:
    """Print the processor time in seconds that it takes from the Python function to the jaxpr of its gradient."""
    x = jax.ShapeDtypeStruct((16,), jnp.float32)
    jax.make_jaxpr(jax.grad(lambda x: _chain(10, x)))(x)  # what is loaded at the first use
    start = time.process_time()
    jax.make_jaxpr(jax.grad(lambda x: _chain(length, x)))(x)
    print(json.dumps({"seconds": time.process_time() - start}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
