"""Activations by name, for layers that have one inside."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from asg_builder.functions import elementwise, elementwise_activations, elementwise_composites
from asg_builder.tensor import Tensor
from asg_schema.errors import AsgError
from asg_schema.wire import nearest

__all__ = ["Activation", "activation_function"]

Activation: TypeAlias = str | Callable[[Tensor], Tensor]
"""An activation by its name, such as "gelu", or as a function or module."""

_BY_NAME: Mapping[str, Callable[[Tensor], Tensor]] = {
    "celu": elementwise_activations.celu,
    "elu": elementwise_activations.elu,
    "gelu": elementwise_composites.gelu,
    "hardshrink": elementwise_activations.hardshrink,
    "hardsigmoid": elementwise_activations.hardsigmoid,
    "hardswish": elementwise_activations.hardswish,
    "hardtanh": elementwise_activations.hardtanh,
    "leaky_relu": elementwise_composites.leaky_relu,
    "log_sigmoid": elementwise_activations.log_sigmoid,
    "mish": elementwise_activations.mish,
    "relu": elementwise_composites.relu,
    "relu6": elementwise_activations.relu6,
    "selu": elementwise_activations.selu,
    "sigmoid": elementwise.sigmoid,
    "silu": elementwise_composites.silu,
    "softplus": elementwise_composites.softplus,
    "softshrink": elementwise_activations.softshrink,
    "softsign": elementwise_activations.softsign,
    "tanh": elementwise.tanh,
    "tanhshrink": elementwise_activations.tanhshrink,
}


def activation_function(name: Activation) -> Callable[[Tensor], Tensor]:
    """The activation that `name` stands for.

    Raises:
        AsgError: there is none of that name.
    """
    if not isinstance(name, str):
        return name
    if name not in _BY_NAME:
        hint = nearest(name, _BY_NAME) or f"; known are {', '.join(_BY_NAME)}"
        raise AsgError(f'there is no activation "{name}"{hint}')
    return _BY_NAME[name]
