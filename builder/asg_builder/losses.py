"""Losses, under the names of `torch.nn.functional`."""

from typing import Literal

from asg_builder.functions.reduction import cross_entropy, mean, sum
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError

__all__ = ["cross_entropy", "mse"]


def mse(prediction: Tensor, target: Tensor, *, reduction: Literal["mean", "sum", "none"] = "mean") -> Tensor:
    """The squared error (prediction - target)².

    Args:
        prediction: of a floating-point dtype.
        target: of the shape and dtype of `prediction`. Other shapes are refused although they might broadcast: a target
            [batch] against a prediction [batch, 1] would compare every element with every other.
        reduction: what becomes of the errors: their mean, their sum, or each by itself.

    Returns:
        Rank 0, or with "none" the shape of `prediction`.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    if prediction.shape != target.shape:
        raise AsgError(f"mse: {prediction} and {target} differ in shape; reshape one of them")
    error = prediction - target
    squared = error * error
    if reduction == "none":
        return squared
    if reduction == "mean":
        return mean(squared)
    if reduction == "sum":
        return sum(squared)
    raise AsgError(f'mse: there is no reduction "{reduction}"; known are mean, sum and none')
