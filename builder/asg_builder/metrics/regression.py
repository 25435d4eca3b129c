"""How far predictions are from their targets.

The first axis counts the examples; where there are more axes, each element of an example is an output of its own, and
the figure is the mean over the outputs, as scikit-learn's "uniform_average" has it.
"""

from asg_builder.functions.creation import dim_size, zeros_like
from asg_builder.functions.elementwise import abs, maximum, sqrt, where
from asg_builder.functions.reduction import max, mean, min, sum, var
from asg_builder.tensor import Tensor
from asg_schema.dtype import DType
from asg_schema.errors import AsgError

__all__ = [
    "explained_variance",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "r2_score",
    "root_mean_squared_error",
]

_SMALLEST_TARGET = 2.0**-52
"""What a percentage is taken of where the target is nearer to 0: scikit-learn's choice, the eps of float64."""


def mean_squared_error(predictions: Tensor, target: Tensor) -> Tensor:
    """The mean of (prediction - target)².

    Args:
        predictions: of any shape and any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0; NaN where there is no element.

    Raises:
        AsgError: the shapes or dtypes differ.
    """
    found, wanted = _compared("mean_squared_error", predictions, target)
    error = found - wanted
    return mean(error * error)


def root_mean_squared_error(predictions: Tensor, target: Tensor) -> Tensor:
    """The square root of the mean of (prediction - target)² over the examples, averaged over the outputs.

    Args:
        predictions: [examples, …], of any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0; NaN where there is no example.

    Raises:
        AsgError: the shapes or dtypes differ, or there is no axis of examples.
    """
    found, wanted = _by_example("root_mean_squared_error", predictions, target)
    error = found - wanted
    return mean(sqrt(mean(error * error, axis=0)))


def mean_absolute_error(predictions: Tensor, target: Tensor) -> Tensor:
    """The mean of |prediction - target|.

    Args:
        predictions: of any shape and any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0; NaN where there is no element.

    Raises:
        AsgError: the shapes or dtypes differ.
    """
    found, wanted = _compared("mean_absolute_error", predictions, target)
    return mean(abs(found - wanted))


def mean_absolute_percentage_error(predictions: Tensor, target: Tensor) -> Tensor:
    """The mean of |prediction - target| / |target|, a share and not a percentage, as scikit-learn has it.

    Args:
        predictions: of any shape and any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`. Where it is nearer to 0 than 2⁻⁵², that is divided by.

    Returns:
        Rank 0; NaN where there is no element.

    Raises:
        AsgError: the shapes or dtypes differ.
    """
    found, wanted = _compared("mean_absolute_percentage_error", predictions, target)
    return mean(abs(found - wanted) / maximum(abs(wanted), _SMALLEST_TARGET))


def max_error(predictions: Tensor, target: Tensor) -> Tensor:
    """The largest |prediction - target| of all elements.

    Args:
        predictions: of any shape, not empty, and any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0.

    Raises:
        AsgError: the shapes or dtypes differ.
    """
    found, wanted = _compared("max_error", predictions, target)
    return max(abs(found - wanted))


def r2_score(predictions: Tensor, target: Tensor) -> Tensor:
    """The coefficient of determination, 1 - Σ (target - prediction)² / Σ (target - its mean)².

    Where the target is constant it is 1 if every prediction is right, else 0. Of one example it is NaN.

    Args:
        predictions: [examples, …], not empty, of any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0: the mean over the outputs.

    Raises:
        AsgError: the shapes or dtypes differ, or there is no axis of examples.
    """
    found, wanted = _by_example("r2_score", predictions, target)
    error, deviation = wanted - found, wanted - mean(wanted, axis=0, keepdims=True)
    residual, total = sum(error * error, axis=0), sum(deviation * deviation, axis=0)
    score = mean(_explained(residual, total, residual == 0, wanted))
    return where(dim_size(wanted, 0) < 2, float("nan"), score)


def explained_variance(predictions: Tensor, target: Tensor) -> Tensor:
    """1 - variance(target - prediction) / variance(target); `sklearn.metrics.explained_variance_score`.

    Unlike `r2_score` it takes no account of an error that is the same for all examples. Where the target is constant
    it is 1 if the error is too, else 0.

    Args:
        predictions: [examples, …], not empty, of any number dtype; integers are computed in float64.
        target: of the shape and dtype of `predictions`.

    Returns:
        Rank 0: the mean over the outputs.

    Raises:
        AsgError: the shapes or dtypes differ, or there is no axis of examples.
    """
    found, wanted = _by_example("explained_variance", predictions, target)
    error = wanted - found
    return mean(_explained(var(error, axis=0), var(wanted, axis=0), _is_constant(error), wanted))


def _explained(residual: Tensor, total: Tensor, perfect: Tensor, target: Tensor) -> Tensor:
    """1 - residual / total of each output; where the target is constant, 1 if `perfect`, else 0."""
    constant = _is_constant(target)
    one = zeros_like(total) + 1.0
    return where(constant, where(perfect, one, 0.0), 1.0 - residual / where(constant, one, total))


def _is_constant(x: Tensor) -> Tensor:
    """Whether all examples are equal. Their variance would not tell: it is subject to the rounding of the mean."""
    return max(x, axis=0) == min(x, axis=0)


def _compared(name: str, predictions: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both as floating-point numbers of at least 32 bits.

    Shapes that might broadcast are refused: a target [n] against predictions [n, 1] would compare each with every
    other.
    """
    if predictions.shape != target.shape:
        raise AsgError(f"{name}: {predictions} and {target} differ in shape; reshape one of them")
    if predictions.dtype is not target.dtype:
        raise AsgError(f"{name}: {predictions} and {target} differ in dtype; convert one of them with .astype")
    if predictions.dtype is DType.BOOL:
        raise AsgError(f"{name}: {predictions} is not of numbers")
    dtype = predictions.dtype
    wide = dtype if dtype.is_floating and dtype.bits >= 32 else DType.FLOAT32 if dtype.is_floating else DType.FLOAT64
    return predictions.astype(wide), target.astype(wide)


def _by_example(name: str, predictions: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if predictions.ndim == 0:
        raise AsgError(f"{name}: {predictions} is one number; a first axis of examples is needed")
    return _compared(name, predictions, target)
