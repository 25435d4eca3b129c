"""Losses of regression: functions of the error, input - target."""

from asg_builder.functions.elementwise import abs, where
from asg_builder.losses.arguments import Reduction, as_target, check_number, loss_scope, reduced, wide
from asg_builder.tensor import Tensor

__all__ = ["huber", "l1", "mse", "smooth_l1"]


def mse(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The squared error (input - target)².

    Args:
        input: of a floating-point dtype.
        target: of the shape of `input`.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("mse", input, reduction):
        error = _error("mse", input, target)
        return reduced(error * error, reduction, input)


def l1(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The absolute error |input - target|. Its derivative where they are equal is 0.

    Args:
        input: of a floating-point dtype.
        target: of the shape of `input`.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("l1", input, reduction):
        return reduced(abs(_error("l1", input, target)), reduction, input)


def smooth_l1(input: Tensor, target: Tensor, *, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """½ e² / beta where |e| < beta, and |e| - beta / 2 elsewhere, of the error e = input - target.

    It is `huber` with delta = beta, divided by beta (Girshick, "Fast R-CNN", 2015).

    Args:
        input: of a floating-point dtype.
        target: of the shape of `input`.
        reduction: what becomes of the losses.
        beta: where the parabola becomes a line; with 0 this is `l1`.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, `beta` is negative or not finite, or `reduction` is not one of the three.
    """
    check_number("smooth_l1", "beta", beta, 0.0)
    with loss_scope("smooth_l1", input, reduction):
        error = _error("smooth_l1", input, target)
        losses = _bent(error, beta, 1.0 / beta) if beta else abs(error)
        return reduced(losses, reduction, input)


def huber(input: Tensor, target: Tensor, *, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """½ e² where |e| < delta, and delta · (|e| - delta / 2) elsewhere, of the error e = input - target.

    Huber, "Robust estimation of a location parameter", 1964.

    Args:
        input: of a floating-point dtype.
        target: of the shape of `input`.
        reduction: what becomes of the losses.
        delta: where the parabola becomes a line; above 0.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, `delta` is not above 0 or not finite, or `reduction` is not one of the three.
    """
    check_number("huber", "delta", delta, 0.0, open_at_low=True)
    with loss_scope("huber", input, reduction):
        return reduced(_bent(_error("huber", input, target), delta, 1.0), reduction, input)


def _error(name: str, input: Tensor, target: Tensor) -> Tensor:
    x = wide(input)
    return x - as_target(name, target, x)


def _bent(error: Tensor, bend: float, factor: float) -> Tensor:
    """Factor · ½ e² up to |e| = bend, and the tangent from there on."""
    size = abs(error)
    within = size < bend
    # Outside, the parabola is taken of 0: its square could overflow there, and its derivative would be NaN, not 0.
    near = where(within, error, 0.0)
    return where(within, near * near * (0.5 * factor), (size - 0.5 * bend) * (bend * factor))
