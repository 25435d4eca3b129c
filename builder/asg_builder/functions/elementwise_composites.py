"""Element-wise functions that are defined by simpler ones: activations, the normal distribution, and sums and choices.

Each returns the dtype of `x`, and those of one operand its shape; others broadcast.
"""

from typing import Literal

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf
from asg_schema.composites.elementwise_products import Addcmul, Gate

__all__ = [
    "addcmul",
    "clip",
    "gate",
    "gelu",
    "leaky_relu",
    "normal_cdf",
    "normal_pdf",
    "relu",
    "silu",
    "softplus",
]


def clip(x: Tensor, /, min: float | None = None, max: float | None = None) -> Tensor:
    """`x` held between two bounds, which count as inside: the derivative there is 1.

    Args:
        x: of any number dtype.
        min: the lower bound; None is none.
        max: the upper bound; None is none. At least one bound is needed.
    """
    return apply(Clip, x, min=min, max=max)


def relu(x: Tensor, /) -> Tensor:
    """max(x, 0), of any number dtype. Its derivative at 0 is 0."""
    return apply(Relu, x)


def leaky_relu(x: Tensor, /, negative_slope: float = 0.01) -> Tensor:
    """`x` where x > 0, else negative_slope · x, of a floating-point dtype."""
    return apply(LeakyRelu, x, negative_slope=negative_slope)


def gelu(x: Tensor, /, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """`x · Φ(x)`, where Φ is the normal distribution function (Hendrycks and Gimpel, 2016).

    Args:
        x: of a floating-point dtype.
        approximate: "none" is exact, by erf; "tanh" is the approximation of that paper.
    """
    return apply(Gelu, x, approximate=approximate)


def silu(x: Tensor, /) -> Tensor:
    """`x · sigmoid(x)`, of a floating-point dtype."""
    return apply(Silu, x)


def softplus(x: Tensor, /, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta, of a floating-point dtype.

    Args:
        x: of a floating-point dtype.
        beta: how sharp the bend at 0 is.
        threshold: where beta · x is larger the result is x.
    """
    return apply(Softplus, x, beta=beta, threshold=threshold)


def normal_cdf(x: Tensor, /) -> Tensor:
    """Φ(x), the distribution function of the standard normal, of a floating-point dtype; exact to an error near 1's."""
    return apply(NormalCdf, x)


def normal_pdf(x: Tensor, /) -> Tensor:
    """exp(-x²/2) / √(2π), the density of the standard normal, of a floating-point dtype."""
    return apply(NormalPdf, x)


def gate(x: TensorLike, control: TensorLike, /) -> Tensor:
    """`x` where control > 0, else 0: what relu does to its operand, done to another value.

    Args:
        x: of a floating-point dtype.
        control: of the dtype of x; NaN lets x pass. It has no gradient.
    """
    return apply(Gate, x, control)


def addcmul(x: TensorLike, a: TensorLike, b: TensorLike, /, *, value: float = 1.0) -> Tensor:
    """`x + value · a · b`, of a floating-point dtype.

    Args:
        x: what is added to.
        a: a factor; broadcasts with x and b.
        b: another.
        value: the factor of the product; finite.
    """
    return apply(Addcmul, x, a, b, value=value)
