"""Derivatives by central differences with four points, whose error falls with the fourth power of the step."""

from collections.abc import Callable, Mapping

import numpy as np

from op_samples.sample import Array, indices_of

_STEP = 3e-4
_STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))


def step_sizes(x: Array) -> Array:
    """A step for each element, in proportion to it between 0.01 and 1: singularities lie at 0 more often than not."""
    return _STEP * np.clip(np.abs(x), 1e-2, 1.0)


def directional_derivative(
    function: Callable[[Mapping[str, Array]], Array], point: Mapping[str, Array], direction: Mapping[str, Array]
) -> Array:
    """The derivative of `function` at `point` along `direction`, element by element of its result.

    The elements of `direction` are counted in units of `step_sizes`.
    """
    total: Array = np.zeros(())
    for multiple, weight in _STENCIL:
        moved = {name: x + multiple * direction[name] if name in direction else x for name, x in point.items()}
        total = total + weight * function(moved)
    return total


def numerical_gradient(
    function: Callable[[Mapping[str, Array]], Array], point: Mapping[str, Array], name: str, cotangent: Array
) -> Array:
    """The derivative of Σ cotangent · function by each element of `point[name]`."""
    x = point[name]
    steps = step_sizes(x)
    gradient = np.zeros(x.shape)
    for index in indices_of(x.shape):
        direction = np.zeros(x.shape)
        direction[index] = steps[index]
        change = directional_derivative(function, point, {name: direction})
        gradient[index] = np.sum(cotangent * change) / steps[index]
    return gradient
