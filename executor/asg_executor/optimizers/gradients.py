"""Pieces that the update rules of several optimizers share."""

from asg_executor.optimizers.rule import Operands, Slot, accumulation_dtype, convert
from asg_schema.editing import Value
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.ops.reduction import Sum
from asg_schema.tensor_type import TensorType

__all__ = ["decayed", "like", "norm", "penalized", "running_mean", "running_square"]


def like(type: TensorType, *names: str, initial: float = 0.0) -> tuple[Slot, ...]:
    """Slots of the shape of a block, in the dtype in which its update is computed."""
    wide = TensorType(accumulation_dtype(type.dtype), type.shape)
    return tuple(Slot(name, wide, initial) for name in names)


def penalized(operands: Operands, weight_decay: float, *, maximize: bool) -> Value:
    """The gradient, negated where `maximize` is set, plus weight_decay times the parameter: an L2 penalty."""
    gradient = -operands.gradient if maximize else operands.gradient
    return gradient + operands.parameter * weight_decay if weight_decay else gradient


def decayed(operands: Operands, weight_decay: float) -> Value:
    """The parameter times 1 - learning_rate · weight_decay (Loshchilov and Hutter, 2019)."""
    if not weight_decay:
        return operands.parameter
    return operands.parameter * convert(1.0 - operands.learning_rate * weight_decay, operands.parameter.dtype)


def running_mean(mean: Value, value: Value, decay: float) -> Value:
    """The running mean: decay · mean + (1 - decay) · value."""
    return mean * decay + value * (1.0 - decay)


def running_square(mean: Value, value: Value, decay: float) -> Value:
    """The running mean of squares: decay · mean + (1 - decay) · value²."""
    return mean * decay + value * value * (1.0 - decay)


def norm(value: Value) -> Value:
    """The Euclidean norm over all elements, rank 0."""
    return Sqrt.of(Sum.of(value * value))
