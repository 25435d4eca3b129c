"""Weights from files and mappings, such as PyTorch's state dicts, as the values of a session's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy.typing as npt

from asg_builder.arrays import Array, as_array, convert
from asg_builder.client.payload import read_tensors
from asg_schema.errors import AsgError
from asg_schema.parameter_names import ParameterNames, Prefix, match_parameters
from asg_schema.tensor_type import TensorType

__all__ = ["fitting_weights", "weights_of"]


def weights_of(source: str | os.PathLike[str] | Mapping[str, npt.ArrayLike]) -> tuple[str, dict[str, Array]]:
    """What to call the source of weights, and its tensors by name.

    Raises:
        AsgError: the file cannot be read or is not safetensors, or an entry of the mapping is not an array.
    """
    if not isinstance(source, Mapping):
        try:
            body = Path(source).read_bytes()
        except OSError as error:
            raise AsgError(f"cannot read {source}: {error.strerror or error}") from None
        return str(source), read_tensors(body, str(source))
    return "the given mapping", {name: as_array(value, f'"{name}"') for name, value in source.items()}


def fitting_weights(
    tensors: Mapping[str, Array], declared: Mapping[str, TensorType], source: str, *, prefix: Prefix, strict: bool
) -> tuple[ParameterNames, dict[str, Array]]:
    """Weights under the names, and in the dtypes, of parameters.

    Args:
        tensors: the weights by name.
        declared: the parameters by name.
        source: what the weights are called, for errors.
        prefix: how their names become names of parameters.
        strict: whether both must have the same names.

    Raises:
        AsgError: names, shapes or dtypes do not fit.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    found = match_parameters(
        declared, shapes, source=source, prefix=prefix, may_be_missing=not strict, may_be_unexpected=not strict
    )
    arrays: dict[str, Array] = {}
    problems: list[str] = []
    for parameter, name in found.sources.items():
        try:
            arrays[parameter] = convert(tensors[name], declared[parameter].dtype, f'"{name}"')
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    if problems:
        raise AsgError("\n".join([f"{source}: {len(problems)} of its tensors cannot be converted", *problems]))
    return found, arrays
