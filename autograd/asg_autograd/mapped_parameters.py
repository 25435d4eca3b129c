"""Parameters with one value for each example: those of an ensemble, whose members begin as one model does."""

import math

from asg_autograd.errors import TransformError
from asg_schema.document import Parameter
from asg_schema.initializers import (
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Orthogonal,
    Uniform,
    XavierNormal,
    XavierUniform,
)

__all__ = ["mapped_parameter"]


def mapped_parameter(parameter: Parameter, axis: int, size: int) -> Parameter:
    """A parameter with a further axis, along which each element begins as the parameter itself would.

    Args:
        parameter: the parameter of one example.
        axis: the place of the new axis.
        size: its size.

    Raises:
        TransformError: the initialiser makes something of the whole parameter that it cannot make of each example's.
    """
    shape = (*parameter.shape[:axis], size, *parameter.shape[axis:])
    init = _of_each_example(parameter, axis)
    return Parameter(id=parameter.id, dtype=parameter.dtype, shape=shape, init=init, trainable=parameter.trainable)


def _of_each_example(parameter: Parameter, axis: int) -> Initializer:
    """The initialiser whose numbers are, for each example, distributed as those of the parameter.

    The fans are those of the parameter's own shape, so that what depends on them is written out.
    """
    init = parameter.init
    if isinstance(init, Orthogonal) or (isinstance(init, Normal) and init.zero_row is not None and axis == 0):
        what = "zero_row" if isinstance(init, Normal) else "orthogonal"
        raise TransformError(
            f'parameter "{parameter.id}" has the initialiser {what}, which cannot be said of each example; give it '
            "another, or do not map it"
        )
    if isinstance(init, XavierUniform | KaimingUniform):
        bound = math.sqrt(3.0) * _deviation(init, parameter.shape)
        return Uniform(low=-bound, high=bound)
    if isinstance(init, XavierNormal | KaimingNormal):
        return Normal(std=_deviation(init, parameter.shape))
    return init


def _deviation(init: XavierUniform | XavierNormal | KaimingUniform | KaimingNormal, shape: tuple[int, ...]) -> float:
    """The standard deviation of what an initialiser with fans makes of a parameter of this shape."""
    kernel = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
    if isinstance(init, XavierUniform | XavierNormal):
        return init.gain * math.sqrt(2.0 / max(fan_in + fan_out, 1))
    gain = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + init.a**2)), "selu": 3 / 4}
    fan = fan_in if init.mode == "fan_in" else fan_out
    return gain.get(init.nonlinearity, 1.0) / math.sqrt(max(fan, 1))
