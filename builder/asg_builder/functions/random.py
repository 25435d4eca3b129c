"""Random bits, and what is built from them. Every function is one of its key: the same key, the same numbers."""

from asg_builder.arguments import ShapeLike, as_shape
from asg_builder.graph import rng_key
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.random import Dropout
from asg_schema.ops.random import RngBits

__all__ = ["dropout", "rng_bits"]


def rng_bits(key: Tensor, /, shape: ShapeLike, *, offset: int = 0) -> Tensor:
    """Independent uniform 32-bit words, uint32 (Threefry-2x32; the same on every engine).

    Args:
        key: uint32[2], such as `asg.rng_key()`.
        shape: the shape of the result.
        offset: the counter of the first element; results of one key whose counters do not overlap are independent.
    """
    return apply(RngBits, key, shape=as_shape(shape), offset=offset)


def dropout(x: Tensor, key: Tensor | None = None, *, p: float = 0.5) -> Tensor:
    """0 with probability p, else x / (1 - p), independently for each element (Srivastava et al., 2014).

    Args:
        x: of a floating-point dtype.
        key: uint32[2]; None is a new one of the current graph (`asg.rng_key()`).
        p: the probability, from 0 to 1.
    """
    return apply(Dropout, x, rng_key() if key is None else key, p=p)
