"""The standard deviation and its reciprocal, vector norms and running products.

`axis` of the first three is one axis or several, negative ones counted from the end; None is all.
"""

from asg_builder.arguments import AxisLike, as_axes
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.reduction_norms import Norm, Rstd, Std
from asg_schema.composites.reduction_products import CumulativeProd

__all__ = ["cumulative_prod", "norm", "rstd", "std"]


def std(x: Tensor, /, axis: AxisLike = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The standard deviation: the square root of `var`. Where it is 0 its derivative is 0.

    Args:
        x: of a floating-point dtype.
        axis: the axes to reduce.
        correction: what is taken from the divisor n: 1 for the deviation of a sample.
        keepdims: whether reduced axes stay with size 1.
    """
    return apply(Std, x, axis=as_axes(axis), correction=correction, keepdims=keepdims)


def rstd(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False, eps: float = 1e-5) -> Tensor:
    """1 / √(var(x) + eps): by what a normalisation scales.

    Args:
        x: of a floating-point dtype.
        axis: the axes to reduce.
        keepdims: whether reduced axes stay with size 1.
        eps: added to the variance.
    """
    return apply(Rstd, x, axis=as_axes(axis), keepdims=keepdims, eps=eps)


def norm(x: Tensor, /, axis: AxisLike = None, *, ord: float = 2.0, keepdims: bool = False) -> Tensor:
    """The vector norm over `axis`: (Σ |x|^ord)^(1/ord). Where it is 0 its derivative is 0.

    Args:
        x: of a floating-point dtype.
        axis: the axes to reduce.
        ord: which norm: a number, also `math.inf` for the largest magnitude, `-math.inf` for the smallest, and 0 for
            the number of elements that are not 0.
        keepdims: whether reduced axes stay with size 1.
    """
    return apply(Norm, x, axis=as_axes(axis), ord=float(ord), keepdims=keepdims)


def cumulative_prod(x: Tensor, /, axis: int, *, reverse: bool = False, exclusive: bool = False) -> Tensor:
    """Running products along `axis`; the shape of x. Derivatives are exact with any number of zeros.

    Args:
        x: of any number dtype.
        axis: the axis to multiply along.
        reverse: multiply from the end.
        exclusive: leave out the element itself, so that the first product is 1.
    """
    return apply(CumulativeProd, x, axis=axis, reverse=reverse, exclusive=exclusive)
