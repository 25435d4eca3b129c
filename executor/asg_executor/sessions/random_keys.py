"""The keys that a session gives to its documents' `rng_key` inputs.

A session's seed s is the Threefry-2x32 key (s >> 32, s mod 2³²). The key of step n is the Threefry-2x32 block of the
counter (n >> 32, n mod 2³²) under it; because a block cipher is a bijection, no two steps share a key. These are the
keys of `jax.random.fold_in(jax.random.key(s), n)` for n < 2³². A run outside the steps gets the key of step 0, which
no step has: steps count from 1.

The first `rng_key` input of a document gets that key k; input number i after it gets the block of (0, i) under k, so
that two of them are independent. In a step of several micro-batches the counting goes on from one to the next: input
number i of k in micro-batch number j, from 0 on, gets the block of (0, j·k + i).
"""

import numpy as np

from asg_executor.kernels.random import threefry_2x32
from asg_executor.plan.arrays import Array

__all__ = ["MOST_SEED", "step_key"]

MOST_SEED = 2**64 - 1
"""The largest seed."""


def step_key(seed: int, step: int, index: int = 0) -> Array:
    """The key of the `rng_key` input number `index` in step number `step`: uint32[2].

    Args:
        seed: the session's seed, from 0 to 2⁶⁴ - 1.
        step: the number of the step; 0 for a run outside the steps.
        index: which of the document's `rng_key` inputs, counted from 0, through the micro-batches of the step.
    """
    key = _block(*_words(seed), step)
    return _block(int(key[0]), int(key[1]), index) if index else key


def _block(key0: int, key1: int, counter: int) -> Array:
    """The Threefry-2x32 block of a 64-bit counter."""
    x0, x1 = (np.array([word], np.uint32) for word in _words(counter))
    threefry_2x32(key0, key1, x0, x1, np.empty_like(x0))
    return np.concatenate((x0, x1))


def _words(value: int) -> tuple[int, int]:
    return value >> 32, value & 0xFFFFFFFF
