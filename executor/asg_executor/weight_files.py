"""Files of weights, as the commands read and write them."""

from collections.abc import Mapping
from pathlib import Path

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array
from asg_executor.plan.coercion import as_array
from asg_executor.safetensors_bytes import SafetensorsError, read_safetensors, write_safetensors
from asg_schema.command_line import CommandError, read_bytes
from asg_schema.document import Document
from asg_schema.parameter_names import match_parameters
from asg_schema.tensor_type import TensorType

__all__ = ["given_parameters", "write_tensors"]


def given_parameters(document: Document, file: Path | None, prefix: str, seed: int | None) -> dict[str, Array]:
    """The parameters of a document that a file has.

    Args:
        document: the document.
        file: a safetensors file; None is none.
        prefix: what is put before the file's names, to make them names of parameters.
        seed: what the other parameters are initialised with; with None there must be no others.

    Raises:
        AsgError: the file cannot be read, or does not fit the document.
    """
    declared: dict[str, TensorType] = {item.id: item.type for item in document.parameters}
    if file is None:
        if declared and seed is None:
            names = ", ".join(f'"{name}"' for name in declared)
            raise InterfaceError(
                f"these parameters have no value: {names}; give a file with --parameters, or initialise them with "
                "--seed"
            )
        return {}
    tensors, metadata = _read(file)
    found = match_parameters(
        declared,
        {name: array.shape for name, array in tensors.items()},
        source=str(file),
        content=lambda name: tensors[name].tobytes(),
        metadata=metadata,
        prefix=prefix,
        may_be_missing=seed is not None,
    )
    values: dict[str, Array] = {}
    problems: list[str] = []
    for parameter, name in found.sources.items():
        try:
            values[parameter] = as_array(name, tensors[name], declared[parameter])
        except InterfaceError as error:
            problems.append(str(error))
    if problems:
        raise InterfaceError("\n".join([f"{file}: {len(problems)} of its tensors cannot be converted", *problems]))
    return values


def _read(file: Path) -> tuple[dict[str, Array], dict[str, str]]:
    try:
        return read_safetensors(read_bytes(str(file)))
    except SafetensorsError as error:
        raise InterfaceError(f"{file}: {error}") from None


def write_tensors(file: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file.

    Raises:
        CommandError: the file cannot be written, or a name is the one that the format keeps for itself.
    """
    try:
        file.write_bytes(write_safetensors(tensors, metadata or {}))
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror or error}") from None
    except SafetensorsError as error:
        raise CommandError(f"cannot write {file}: {error}") from None
