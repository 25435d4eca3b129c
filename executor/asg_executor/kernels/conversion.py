"""Steps that convert between dtypes as `astype` defines it."""

from functools import partial

import numpy as np

from asg_executor.kernels.kernel import Step, sequence
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, dtype_of

__all__ = ["convert"]


def convert(source: Array, target: Array, workspace: Workspace) -> Step:
    """The step that writes `source`, converted, into `target`.

    A float becomes an integer by dropping its fraction; beyond the integer's range it saturates, and NaN becomes 0. A
    number becomes the bool "is not 0".
    """
    if target.dtype == np.bool_:
        return partial(np.not_equal, source, np.zeros((), source.dtype), out=target)
    kinds = dtype_of(source), dtype_of(target)
    if kinds[0] is not None and kinds[0].is_floating and kinds[1] is not None and kinds[1].is_integer:
        return _float_to_integer(source, target, workspace)
    return partial(np.copyto, target, source, casting="unsafe")


def _float_to_integer(source: Array, target: Array, workspace: Workspace) -> Step:
    """In double precision the ends of all ranges of up to 32 bits are exact; those of 64 bits are set afterwards."""
    wide = workspace.empty(source.shape, np.float64)
    low, high = np.iinfo(target.dtype).min, np.iinfo(target.dtype).max
    invalid = workspace.empty(source.shape, np.bool_)
    steps: list[Step] = [
        partial(np.copyto, wide, source, casting="unsafe"),
        partial(np.isnan, wide, out=invalid),
        partial(np.copyto, wide, 0.0, where=invalid),
    ]
    if target.dtype.itemsize < 8:
        return sequence(
            *steps, partial(np.clip, wide, low, high, out=wide), partial(np.copyto, target, wide, casting="unsafe")
        )
    beyond = np.float64(2.0**63)
    above, below = invalid, workspace.empty(source.shape, np.bool_)
    return sequence(
        *steps,
        partial(np.greater_equal, wide, beyond, out=above),
        partial(np.less, wide, -beyond, out=below),
        partial(np.copyto, wide, 0.0, where=above),
        partial(np.copyto, wide, 0.0, where=below),
        partial(np.copyto, target, wide, casting="unsafe"),
        partial(np.copyto, target, high, where=above),
        partial(np.copyto, target, low, where=below),
    )
