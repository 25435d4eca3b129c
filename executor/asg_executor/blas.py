"""On how many threads BLAS computes one product.

Several threads share a product out among themselves, and so add in another order: another number of them gives other
last bits. Where results must be the same again, the number must be, too.
"""

import os
from functools import cache
from importlib import import_module
from typing import Any

from asg_executor.cores import available_cores

__all__ = ["blas_threads", "default_blas_threads", "set_blas_threads"]

_threadpools: Any = import_module("threadpoolctl")  # it comes without types
import_module("scipy.linalg")  # it and NumPy bring a BLAS each, which is known only once it is loaded

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")


def blas_threads() -> int | None:
    """On how many threads BLAS computes a product at most; None where it is a library that cannot be asked."""
    return max((library["num_threads"] for library in _controller().info()), default=None)


def set_blas_threads(count: int) -> None:
    """Have BLAS compute products on so many threads, in the whole process from now on.

    It is not for a moment in which another thread computes.

    Args:
        count: how many; at least 1.
    """
    _controller().limit(limits=count)


@cache
def _controller() -> Any:
    """The two libraries. To look for them among all that are loaded takes over a millisecond, in every compilation."""
    return _threadpools.ThreadpoolController().select(user_api="blas")


def default_blas_threads(workers: int) -> int | None:
    """How many threads a product gets in a service that computes several requests at a time.

    Together they have as many as there are cores: with more, threads that spin while they wait for their part of a
    product take the cores from those that compute it, and a product of 0.1 ms takes 10. What the variables of the BLAS
    libraries say comes first.

    Args:
        workers: how many requests compute at a time.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return blas_threads()
    return max(available_cores() // workers, 1)
