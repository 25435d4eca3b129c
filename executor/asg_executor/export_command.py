"""What `asg export` does: the weights of a document into a file."""

from pathlib import Path

from asg_executor.errors import InterfaceError
from asg_executor.sessions.session import Session
from asg_executor.weight_files import given_parameters, write_tensors
from asg_schema.command_line import read_document

__all__ = ["export_weights"]


def export_weights(
    source: str, output: Path, *, parameters: Path | None, prefix: str, seed: int | None, strip: str
) -> None:
    """Write the weights of a document as a PyTorch-style safetensors file.

    Args:
        source: the document's file; `-` is standard input.
        output: the file.
        parameters: a safetensors file with their values.
        prefix: what is put before that file's names, to make them names of parameters.
        seed: initialises the parameters without a value.
        strip: only parameters whose names begin with this are written, under the rest of their names.

    Raises:
        AsgError: the document or a file's content is wrong, a file cannot be read or written, or nothing is to be
            written.
    """
    if output.suffix != ".safetensors":
        raise InterfaceError(f'--output "{output}": a .safetensors file is needed')
    document = read_document(source)
    names = [item.id for item in document.parameters]
    if not names:
        raise InterfaceError(f'the document "{document.name}" has no parameters')
    kept = {name: name.removeprefix(strip) for name in names if name.startswith(strip) and name != strip}
    if not kept:
        raise InterfaceError(f'no parameter has a name that begins with "{strip}"; there are {", ".join(names)}')
    values = given_parameters(document, parameters, prefix, seed)
    held = Session({"document": document}, seed=seed or 0, parameters=values).parameters()
    # Readers of PyTorch's files look for the name of its format.
    write_tensors(output, {rest: held[name] for name, rest in kept.items()}, {"format": "pt"})
