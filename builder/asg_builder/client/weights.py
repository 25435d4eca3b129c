"""Weights from files and mappings, such as PyTorch's state dicts, as the values of a session's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy.typing as npt

from asg_builder.arrays import Array, as_array, convert
from asg_builder.client.payload import read_tensors
from asg_schema.errors import AsgError
from asg_schema.parameter_names import ParameterNames, Prefix, match_parameters
from asg_schema.tensor_type import TensorType

__all__ = ["Weights", "fitting_weights", "part_of", "weights_of"]


class Weights(NamedTuple):
    """Weights from anywhere.

    Attributes:
        source: what they are called, for errors.
        tensors: the weights by name.
        metadata: that of the file.
    """

    source: str
    tensors: dict[str, Array]
    metadata: dict[str, str]


def weights_of(source: str | os.PathLike[str] | Mapping[str, npt.ArrayLike]) -> Weights:
    """The weights in a file or a mapping.

    Raises:
        AsgError: the file cannot be read or is not safetensors, or an entry of the mapping is not an array.
    """
    if isinstance(source, Mapping):
        return Weights("the given mapping", {name: as_array(value, f'"{name}"') for name, value in source.items()}, {})
    try:
        body = Path(source).read_bytes()
    except OSError as error:
        raise AsgError(f"cannot read {source}: {error.strerror or error}") from None
    return Weights(str(source), *read_tensors(body, str(source)))


def fitting_weights(
    weights: Weights, declared: Mapping[str, TensorType], *, prefix: Prefix, strict: bool
) -> tuple[ParameterNames, dict[str, Array]]:
    """Weights under the names, and in the dtypes, of parameters.

    Args:
        weights: the weights by name.
        declared: the parameters by name.
        prefix: how their names become names of parameters.
        strict: whether both must have the same names.

    Raises:
        AsgError: names, shapes or dtypes do not fit.
    """
    source, tensors, metadata = weights
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    found = match_parameters(
        declared,
        shapes,
        source=source,
        content=lambda name: tensors[name].tobytes(),
        metadata=metadata,
        prefix=prefix,
        may_be_missing=not strict,
        may_be_unexpected=not strict,
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


def part_of(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """The tensors whose names begin with a prefix, under the rest of their names.

    Raises:
        AsgError: there is none.
    """
    rests = {name: name.removeprefix(prefix) for name in tensors}
    kept = {rest: tensors[name] for name, rest in rests.items() if rest not in ("", name)}
    if not kept:
        raise AsgError(f'no parameter has a name that begins with "{prefix}"; there are {", ".join(tensors)}')
    return kept
