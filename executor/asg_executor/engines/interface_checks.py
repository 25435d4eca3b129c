"""Whether arrays and names fit what a document declares."""

from collections.abc import Collection, Iterable, Mapping

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, array_type, dtype_of
from asg_executor.plan.binding import bind_shape
from asg_schema.document import Document
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

__all__ = ["check_arrays", "refuse_unknown", "unfit"]


def check_arrays(
    document: Document, symbols: Mapping[str, int], bound: Mapping[str, Array], destinations: Mapping[str, Array]
) -> None:
    """Refuse arrays that an executable is to be bound to and that do not fit what the document declares.

    Raises:
        InterfaceError: an array does not fit, cannot be written, or its name is unknown.
    """
    sources = {item.id: item.type for item in (*document.inputs, *document.parameters)}
    outputs = {output.name: document.types[output.value] for output in document.outputs}
    for kind, arrays, declared in (
        ("input or parameter", bound, sources),
        ("output", destinations, outputs),
    ):
        refuse_unknown(kind, arrays, declared)
        for name, array in arrays.items():
            wanted = bind_shape(f'{kind} "{name}"', declared[name], symbols)
            if dtype_of(array) is not wanted.dtype or array.shape != wanted.shape:
                raise InterfaceError(f'{kind} "{name}" is {wanted}; the array given for it is {array_type(array)}')
    for name, array in destinations.items():
        if not array.flags.writeable:
            raise InterfaceError(f'the destination of output "{name}" is a read-only array')


def refuse_unknown(kind: str, names: Iterable[str], declared: Collection[str]) -> None:
    """Refuse names that are not `declared`.

    Raises:
        InterfaceError: one is not.
    """
    for name in names:
        if name not in declared:
            raise InterfaceError(f'the document has no {kind} "{name}"{nearest(name, declared)}')


def unfit(name: str, wanted: TensorType, array: Array | None) -> InterfaceError:
    """The error for an input that is missing or of another type than `wanted`."""
    if array is None:
        return InterfaceError(f'input "{name}" is missing; {wanted} is needed')
    return InterfaceError(f'input "{name}" is {array_type(array)}; {wanted} is needed')
