"""The chain of `benchmarks.stage_process` in PyTensor: `python -m benchmarks.peers.pytensor_gradient LENGTH`."""

import json
import sys
import time
from typing import Any

import pytensor
import pytensor.tensor as pt


def _gradient(length: int) -> Any:
    x = pt.vector("x", dtype="float32")
    value = x
    for index in range(length - 1):
        kind = index % 3
        value = pt.sin(value) if kind == 0 else value * x if kind == 1 else pt.tanh(value)
    return pytensor.grad(value.sum(), x)


def main(length: int) -> None:
    """Print the processor time in seconds that it takes to build the graph and its gradient."""
    sys.setrecursionlimit(100 * length + 10_000)  # it follows the graph by recursion
    _gradient(10)  # what is loaded at the first use
    start = time.process_time()
    _gradient(length)
    print(json.dumps({"seconds": time.process_time() - start}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
