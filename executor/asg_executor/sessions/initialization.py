"""Initial values of parameters, by seed. The distributions are those of `torch.nn.init`.

Values are drawn and computed in float64 from the parameter's own stream (see `random_stream`) and then converted to
its dtype.
"""

import math
from collections.abc import Callable
from functools import singledispatch

import numpy as np
from pydantic import BaseModel
from scipy.special import ndtr, ndtri  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] - it has no types

from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.sessions.errors import InitializationError
from asg_executor.sessions.random_stream import RandomStream
from asg_schema.document import Parameter
from asg_schema.initializers import (
    Constant,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
)

__all__ = ["initial_value"]


def initial_value(parameter: Parameter, seed: int) -> Array:
    """The first value of a parameter.

    Args:
        parameter: its declaration.
        seed: the session's seed; with the parameter's name it determines the value.

    Returns:
        A new array of the parameter's shape and dtype.

    Raises:
        InitializationError: the initialiser's numbers describe no distribution.
    """
    shape = parameter.shape
    _check_integer(parameter)
    if 0 in shape:
        return np.empty(shape, numpy_dtype(parameter.dtype))
    try:
        value = _draw(parameter.init, shape, RandomStream(seed, parameter.id))
    except _NoDistributionError as error:
        raise InitializationError(f'parameter "{parameter.id}": {parameter.init.kind}: {error}') from None
    with np.errstate(over="ignore"):  # a normal draw beyond float16's range is an infinity there, as in torch
        return value.reshape(shape).astype(numpy_dtype(parameter.dtype))


def _check_integer(parameter: Parameter) -> None:
    init = parameter.init
    if not parameter.dtype.is_integer or not isinstance(init, Constant):
        return
    low, high = parameter.dtype.integer_range
    if not (low <= init.value <= high and init.value.is_integer()):
        raise InitializationError(
            f'parameter "{parameter.id}": constant: {init.value} is not an integer that {parameter.dtype.value} can '
            f"hold; one from {low} to {high} is needed"
        )


class _NoDistributionError(ValueError):
    """The numbers of an initialiser describe no distribution."""


@singledispatch
def _draw(init: BaseModel, shape: tuple[int, ...], stream: RandomStream) -> Array:
    raise TypeError(f"there is no evaluation of {type(init).__name__}")


@_draw.register
def _zeros(init: Zeros, shape: tuple[int, ...], stream: RandomStream) -> Array:
    return np.zeros(shape)


@_draw.register
def _ones(init: Ones, shape: tuple[int, ...], stream: RandomStream) -> Array:
    return np.ones(shape)


@_draw.register
def _constant(init: Constant, shape: tuple[int, ...], stream: RandomStream) -> Array:
    return np.full(shape, init.value)


@_draw.register
def _uniform(init: Uniform, shape: tuple[int, ...], stream: RandomStream) -> Array:
    if not (math.isfinite(init.low) and math.isfinite(init.high) and init.low <= init.high):
        raise _NoDistributionError(f"finite numbers low <= high are needed, not {init.low} and {init.high}")
    return init.low + (init.high - init.low) * stream.uniform(math.prod(shape))


@_draw.register
def _normal(init: Normal, shape: tuple[int, ...], stream: RandomStream) -> Array:
    _check_normal(init.mean, init.std)
    values = (init.mean + init.std * stream.normal(math.prod(shape))).reshape(shape)
    if init.zero_row is not None:
        values[init.zero_row] = 0.0
    return values


def _check_normal(mean: float, std: float) -> None:
    if not (math.isfinite(mean) and math.isfinite(std) and std >= 0):
        raise _NoDistributionError(f"a finite mean and a finite std of at least 0 are needed, not {mean} and {std}")


@_draw.register
def _truncated_normal(init: TruncatedNormal, shape: tuple[int, ...], stream: RandomStream) -> Array:
    _check_normal(init.mean, init.std)
    if not init.low < init.high:
        raise _NoDistributionError(f"low < high is needed, not {init.low} and {init.high}")
    if init.std == 0:
        if not init.low <= init.mean <= init.high:
            raise _NoDistributionError(f"with std 0 the mean {init.mean} must lie between {init.low} and {init.high}")
        return np.full(shape, init.mean)
    low, high = (init.low - init.mean) / init.std, (init.high - init.mean) / init.std
    # Far in the upper tail the distribution function is 1 to all digits; its mirror image is not.
    mirrored = low > 0
    start, end = (ndtr(-high), ndtr(-low)) if mirrored else (ndtr(low), ndtr(high))
    if not end > start:
        raise _NoDistributionError(
            f"the range from {init.low} to {init.high} is too far from the mean {init.mean} for std {init.std}"
        )
    quantiles = ndtri(start + (end - start) * stream.open_uniform(math.prod(shape)))
    draws = init.mean + init.std * (-quantiles if mirrored else quantiles)
    return np.clip(draws, init.low, init.high)


@_draw.register
def _xavier_uniform(init: XavierUniform, shape: tuple[int, ...], stream: RandomStream) -> Array:
    fan_in, fan_out = _fans(shape)
    bound = init.gain * math.sqrt(6.0 / (fan_in + fan_out))
    return bound * (2.0 * stream.uniform(math.prod(shape)) - 1.0)


@_draw.register
def _xavier_normal(init: XavierNormal, shape: tuple[int, ...], stream: RandomStream) -> Array:
    fan_in, fan_out = _fans(shape)
    return init.gain * math.sqrt(2.0 / (fan_in + fan_out)) * stream.normal(math.prod(shape))


@_draw.register
def _kaiming_uniform(init: KaimingUniform, shape: tuple[int, ...], stream: RandomStream) -> Array:
    bound = math.sqrt(3.0) * _kaiming_std(init, shape)
    return bound * (2.0 * stream.uniform(math.prod(shape)) - 1.0)


@_draw.register
def _kaiming_normal(init: KaimingNormal, shape: tuple[int, ...], stream: RandomStream) -> Array:
    return _kaiming_std(init, shape) * stream.normal(math.prod(shape))


@_draw.register
def _orthogonal(init: Orthogonal, shape: tuple[int, ...], stream: RandomStream) -> Array:
    rows, columns = shape[0], math.prod(shape[1:])
    draws = stream.normal(rows * columns).reshape(rows, columns)
    q, r = np.linalg.qr(draws if rows >= columns else draws.T)
    # With the signs of R's diagonal made positive, Q is uniform over the orthogonal matrices.
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return init.gain * (q if rows >= columns else q.T)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


_GAINS: dict[str, Callable[[float], float]] = {
    "linear": lambda _: 1.0,
    "sigmoid": lambda _: 1.0,
    "tanh": lambda _: 5.0 / 3.0,
    "relu": lambda _: math.sqrt(2.0),
    "leaky_relu": lambda slope: math.sqrt(2.0 / (1.0 + slope**2)),
    "selu": lambda _: 3.0 / 4.0,
}
"""`torch.nn.init.calculate_gain`, as functions of the negative slope."""


def _kaiming_std(init: KaimingUniform | KaimingNormal, shape: tuple[int, ...]) -> float:
    fan_in, fan_out = _fans(shape)
    fan = fan_in if init.mode == "fan_in" else fan_out
    return _GAINS[init.nonlinearity](init.a) / math.sqrt(fan)
