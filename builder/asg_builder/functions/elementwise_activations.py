"""More activations, of floating-point dtypes. Each returns the shape and dtype of `x`, but for `glu`."""

from asg_builder.tensor import Tensor, apply
from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Glu,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    Prelu,
    Relu6,
    Selu,
    Softshrink,
    Softsign,
    Tanhshrink,
)

__all__ = [
    "celu",
    "elu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "log_sigmoid",
    "mish",
    "prelu",
    "relu6",
    "selu",
    "softshrink",
    "softsign",
    "tanhshrink",
]


def elu(x: Tensor, /, alpha: float = 1.0) -> Tensor:
    """`x` where x > 0, else alpha · (exp(x) - 1) (Clevert et al., 2015). Its derivative at 0 is `alpha`."""
    return apply(Elu, x, alpha=alpha)


def selu(x: Tensor, /) -> Tensor:
    """`elu` with the scale and the alpha that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return apply(Selu, x)


def celu(x: Tensor, /, alpha: float = 1.0) -> Tensor:
    """`x` where x > 0, else alpha · (exp(x / alpha) - 1) (Barron, 2017).

    Args:
        x: of a floating-point dtype.
        alpha: minus the limit at -inf; not 0.
    """
    return apply(Celu, x, alpha=alpha)


def hardtanh(x: Tensor, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`x` held between two bounds. Its derivative on the bounds is 0, where that of `clip` is 1.

    Args:
        x: of a floating-point dtype.
        min_val: the lower bound.
        max_val: the upper bound; at least `min_val`.
    """
    return apply(Hardtanh, x, min_val=min_val, max_val=max_val)


def relu6(x: Tensor, /) -> Tensor:
    """`x` held between 0 and 6. Its derivative on the bounds is 0."""
    return apply(Relu6, x)


def hardsigmoid(x: Tensor, /) -> Tensor:
    """`x / 6 + 1/2` held between 0 and 1. Its derivative at -3 and 3 is 0."""
    return apply(Hardsigmoid, x)


def hardswish(x: Tensor, /) -> Tensor:
    """`x · hardsigmoid(x)` (Howard et al., 2019). Its derivative at -3 is 0 and at 3 it is 1."""
    return apply(Hardswish, x)


def mish(x: Tensor, /) -> Tensor:
    """`x · tanh(softplus(x))` (Misra, 2019)."""
    return apply(Mish, x)


def softsign(x: Tensor, /) -> Tensor:
    """`x / (1 + |x|)`."""
    return apply(Softsign, x)


def log_sigmoid(x: Tensor, /) -> Tensor:
    """The logarithm of sigmoid(x), without overflow."""
    return apply(LogSigmoid, x)


def tanhshrink(x: Tensor, /) -> Tensor:
    """`x - tanh(x)`."""
    return apply(Tanhshrink, x)


def softshrink(x: Tensor, /, lambd: float = 0.5) -> Tensor:
    """Every element moved by `lambd` towards 0, and no further. Its derivative is 0 where |x| ≤ lambd, else 1.

    Args:
        x: of a floating-point dtype.
        lambd: at least 0.
    """
    return apply(Softshrink, x, lambd=lambd)


def hardshrink(x: Tensor, /, lambd: float = 0.5) -> Tensor:
    """`x` where |x| > lambd, else 0. Its derivative is 0 where |x| ≤ lambd, else 1."""
    return apply(Hardshrink, x, lambd=lambd)


def prelu(x: Tensor, weight: Tensor, /) -> Tensor:
    """`x` where x > 0, else weight · x (He et al., 2015). The derivative by x at 0 is the weight.

    Args:
        x: of a floating-point dtype.
        weight: one number, of shape [] or [1]; or one for each channel, [C] for x [N, C, …].
    """
    return apply(Prelu, x, weight)


def glu(x: Tensor, /, axis: int = -1) -> Tensor:
    """`a · sigmoid(b)`, where a and b are the first and the second half of x (Dauphin et al., 2017).

    Args:
        x: of a floating-point dtype.
        axis: the axis that is halved; its size is even.

    Returns:
        The shape of x with half the size along `axis`.
    """
    return apply(Glu, x, axis=axis)
