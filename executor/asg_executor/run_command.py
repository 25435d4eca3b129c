"""What `asg run` does: files and text in, files and text out."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from asg_executor.api.json_tensors import TensorError, decode_tensor, encode_tensor
from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, array_type, numpy_dtype
from asg_executor.sessions.session import Session
from asg_executor.weight_files import given_parameters, write_tensors
from asg_schema.command_line import read_bytes, read_document, write_text
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest, parse_json

__all__ = ["run_document"]

_GRAPH = "document"
_BFLOAT16_ON_DISK = np.dtype("V2")  # NumPy's format has no name for it


def run_document(
    source: str,
    inputs: Sequence[str],
    *,
    parameters: Path | None,
    prefix: str = "",
    seed: int | None,
    output: Path | None,
    only: Sequence[str] | None,
    engine: str,
    as_json: bool,
) -> str:
    """Run a document once.

    Args:
        source: the document's file; `-` is standard input.
        inputs: `NAME=VALUE` for each input.
        parameters: a safetensors file.
        prefix: what is put before the file's names, to make them names of parameters.
        seed: initialises the parameters without a value, and gives the random keys that are left out.
        output: where the outputs go; None to return them.
        only: the outputs to compute; None for the default.
        engine: the engine's name.
        as_json: whether to return JSON instead of text for people.

    Returns:
        The outputs as text; nothing where they went to a file.

    Raises:
        AsgError: the document, an input, a parameter or a file's content is wrong, or a file cannot be read or written.
    """
    document = read_document(source)
    values = given_parameters(document, parameters, prefix, seed)
    session = Session({_GRAPH: document}, seed=seed or 0, engine=engine, parameters=values)
    results = session.run(_GRAPH, _inputs(document, inputs), only)
    if output is not None:
        _write(output, results)
        return ""
    if as_json:
        return _to_json(results)
    return "".join(f"{name}: {array_type(array)}\n{np.array2string(array)}\n" for name, array in results.items())


def _inputs(document: Document, assignments: Sequence[str]) -> dict[str, Array]:
    declared: dict[str, TensorType] = {item.id: item.type for item in document.inputs}
    arrays: dict[str, Array] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InterfaceError(f'--input "{assignment}": NAME=VALUE is needed')
        if name not in declared:
            known = ", ".join(f'"{item}"' for item in declared) or "none"
            raise InterfaceError(f'there is no input "{name}"{nearest(name, declared) or f"; declared: {known}"}')
        if name in arrays:
            raise InterfaceError(f'the input "{name}" is given twice')
        arrays[name] = _value(name, value, declared[name])
    return arrays


def _value(name: str, value: str, declared: TensorType) -> Array:
    try:
        if value.endswith(".npy"):
            return decode_tensor(_load(value, declared), declared)
        return decode_tensor(parse_json(read_bytes(value) if value.endswith(".json") else value), declared)
    except TensorError as error:
        where = "".join(f"[{part}]" for part in error.path)
        raise InterfaceError(f'input "{name}" {declared}{where}: {error.message}') from None
    except DocumentError as error:
        raise InterfaceError(
            f'input "{name}": a .npy or .json file or JSON is needed, not "{value}": {error}'
        ) from None


def _load(file: str, declared: TensorType) -> Array:
    try:
        array: Array = np.load(BytesIO(read_bytes(file)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InterfaceError(f"{file} is not a .npy file of numbers: {error}") from None
    if array.dtype == _BFLOAT16_ON_DISK and declared.dtype is DType.BFLOAT16:
        return array.view(numpy_dtype(DType.BFLOAT16))
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _write(output: Path, results: Mapping[str, Array]) -> None:
    if output.suffix == ".json":
        write_text(_to_json(results), str(output))
    elif output.suffix == ".safetensors":
        write_tensors(output, results)
    else:
        raise InterfaceError(f'--output "{output}": a .safetensors or .json file is needed')


def _to_json(results: Mapping[str, Array]) -> str:
    encoded: dict[str, Any] = {name: encode_tensor(array) for name, array in results.items()}
    return json.dumps(encoded, ensure_ascii=False, allow_nan=False) + "\n"
