"""What the losses share: their arguments' rules, their nodes' names and their reductions."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any, Literal, TypeAlias, get_args

from asg_builder.constants import embed_array
from asg_builder.tensor import Tensor, TensorLike
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.errors import AsgError, RuleError
from asg_schema.expansion import widened

__all__ = ["Reduction", "as_factor", "as_target", "check_number", "check_shapes", "loss_scope", "reduced", "wide"]

Reduction: TypeAlias = Literal["mean", "sum", "none"]
"""What becomes of the single losses: their mean, their sum, or each by itself."""


@contextmanager
def loss_scope(
    name: str, input: Tensor, reduction: str, known: tuple[str, ...] = get_args(Reduction)
) -> Generator[None]:
    """Put the loss's name before the ids of the nodes that are built within.

    Raises:
        AsgError: `input` is no floating-point tensor, or `reduction` is not one of the known.
    """
    if reduction not in known:
        listed = f"{', '.join(known[:-1])} and {known[-1]}"
        raise AsgError(f'{name}: there is no reduction "{reduction}"; known are {listed}')
    if not input.dtype.is_floating:
        raise AsgError(f"{name}: {input} is not of a floating-point dtype, and a loss is differentiated")
    editor = input.editor
    outer, editor.scope = editor.scope, f"{editor.scope}{name}."
    try:
        yield
    finally:
        editor.scope = outer


def check_shapes(name: str, input: Tensor, other: Tensor) -> None:
    """Refuse two tensors that are to be compared element by element and differ in shape.

    Raises:
        AsgError: they do.
    """
    if input.shape != other.shape:
        raise AsgError(f"{name}: {input} and {other} differ in shape; reshape one of them")


def check_number(name: str, argument: str, value: float, low: float, *, open_at_low: bool = False) -> None:
    """Refuse a number that is not finite, or lies below `low`; with `open_at_low` also one that is `low`.

    Raises:
        AsgError: it does.
    """
    if not isfinite(value) or value < low or (open_at_low and value == low):
        wanted = f"a finite number {'above' if open_at_low else 'of at least'} {low:g}"
        raise AsgError(f"{name}: {argument} is {value}; {wanted} is needed")


def wide(x: Tensor) -> Tensor:
    """The tensor in float32 where it has half precision."""
    return x.astype(widened(x.dtype))


def as_target(name: str, target: Tensor, input: Tensor) -> Tensor:
    """The target in the shape and dtype of `input`, which `wide` has given.

    Raises:
        AsgError: the shapes differ, or the target is of another floating-point dtype.
    """
    check_shapes(name, input, target)
    if target.dtype.is_floating:
        target = wide(target)
        if target.dtype is not input.dtype:
            raise AsgError(f"{name}: {input} and {target} differ in dtype; write astype for one of them")
    return target.astype(input.dtype)


def as_factor(name: str, argument: str, factor: TensorLike | Sequence[Any] | None, losses: Tensor) -> Tensor | None:
    """A factor of the losses as a tensor of their dtype; None where there is none.

    Raises:
        AsgError: it is of another dtype, or its shape does not broadcast to that of the losses.
    """
    if factor is None:
        return None
    what = f"{name}: {argument}"
    factor = wide(factor) if isinstance(factor, Tensor) else embed_array(losses.editor, factor, losses.dtype, what)
    if factor.dtype is not losses.dtype:
        raise AsgError(f"{what} is {factor}, and the losses are {losses.type}; write astype for it")
    try:
        fits = broadcast_shapes((losses.shape, factor.shape)) == losses.shape
    except RuleError:
        fits = False
    if not fits:
        raise AsgError(f"{what} is {factor}; a shape that broadcasts to that of {losses} is needed")
    return factor


def reduced(losses: Tensor, reduction: str, like: Tensor) -> Tensor:
    """The mean, the sum or each of the losses, in the dtype of `like`."""
    if reduction != "none":
        losses = losses.mean() if reduction == "mean" else losses.sum()
    return losses.astype(like.dtype)
