"""What is mapped, where, and how large the mapped axis is: the arguments of `vmap`, checked."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from asg_autograd.errors import TransformError
from asg_autograd.selection import unknown_source
from asg_schema.dims import Dim, symbol, symbols_of
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.errors import DimError
from asg_schema.free_name import free_name
from asg_schema.roles import GradientRole, LossScaleRole, OutputRole, RngKeyRole, StateUpdateRole
from asg_schema.tensor_type import MOST_AXES, TensorType
from asg_schema.wire import nearest, show_value

__all__ = ["InAxis", "MappedAxes", "axis_size", "mapped_axes", "output_axes"]

InAxis: TypeAlias = int | Literal["split"] | None
"""Where an input gets the mapped axis; None: nowhere, so that all examples share it. "split": a random key is shared,
and each example derives its own from it."""

_KEY = TensorType(DType.UINT32, (2,))
_DEFAULT_SYMBOL = "examples"


class MappedAxes(NamedTuple):
    """What is mapped.

    Attributes:
        of: for each input or parameter that is mapped the place of the mapped axis, counted from the front.
        split: the random keys from which each example derives its own.
    """

    of: dict[str, int]
    split: list[str]


def mapped_axes(document: Document, in_axes: int | Mapping[str, InAxis]) -> MappedAxes:
    """What the argument `in_axes` of `vmap` means.

    Raises:
        TransformError: there is no such input or parameter, or no such axis, or nothing is mapped.
    """
    keys = [item.id for item in document.inputs if isinstance(item.role, RngKeyRole)]
    if isinstance(in_axes, Mapping):
        wanted = dict(in_axes)
    else:
        wanted: dict[str, InAxis] = {
            item.id: in_axes
            for item in document.inputs
            if item.id not in keys and not isinstance(item.role, LossScaleRole)
        }
    known = {item.id for item in (*document.inputs, *document.parameters)}
    axes = MappedAxes({}, [key for key in keys if key not in wanted])
    for name, axis in wanted.items():
        if name not in known:
            raise unknown_source(document, name, "in_axes")
        if axis == "split":
            if document.types[name] != _KEY:
                raise TransformError(
                    f'in_axes: "{name}" {document.types[name]} is no random key; only uint32[2] is split'
                )
            axes.split.append(name)
        elif axis is not None:
            axes.of[name] = _place(axis, document.types[name], f'in_axes: "{name}"')
    if not axes.of and not any(name in axes.split for name in wanted):
        raise TransformError("in_axes maps nothing; name an input or a parameter and the place of its new axis")
    return axes


def _place(axis: int, type: TensorType, what: str) -> int:
    """The place of the new axis, counted from the front."""
    rank = type.rank
    if not isinstance(axis, int) or isinstance(axis, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise TransformError(f"{what} is given {axis!r}; the place of the new axis is needed, an integer")
    if rank == MOST_AXES:
        raise TransformError(
            f"{what} {type} has {rank} axes; a value has at most {MOST_AXES}, so that none can be added"
        )
    if not -rank - 1 <= axis <= rank:
        raise TransformError(
            f"{what} {type} cannot get a new axis {axis}; a place from {-rank - 1} to {rank} is needed"
        )
    return axis % (rank + 1)


def axis_size(document: Document, size: str | int | None, axes: MappedAxes) -> Dim:
    """What the argument `size` of `vmap` means.

    Raises:
        TransformError: it is no size or a symbol that is taken, or a number is needed.
    """
    inputs = {item.id for item in document.inputs}
    taken = frozenset[str]().union(*(symbols_of(dim) for item in document.inputs for dim in item.shape))
    if isinstance(size, int):
        if size < 1:
            raise TransformError(f"size is {size}; at least 1 is needed")
        return size
    name = free_name(_DEFAULT_SYMBOL, taken) if size is None else size
    if name in taken:
        raise TransformError(
            f'size: the document already has the symbol "{name}", and the mapped axis is another; take a symbol that '
            f'it does not have, such as "{free_name(_DEFAULT_SYMBOL, taken)}", or a number'
        )
    if mapped := [parameter.id for parameter in document.parameters if parameter.id in axes.of]:
        raise TransformError(
            f'the parameter "{mapped[0]}" is mapped, and the shapes of parameters are numbers: give size as an integer'
        )
    if inputs.isdisjoint(axes.of):
        raise TransformError(
            f'no input has the mapped axis, so that nothing would tell the symbol "{name}": give size as an integer'
        )
    try:
        return symbol(name)
    except DimError as error:
        raise TransformError(f"size is {show_value(name)}: {error}") from None


def output_axes(
    document: Document, out_axes: int | Mapping[str, int | None], axes: MappedAxes
) -> dict[str, int | None]:
    """For each output the place of the mapped axis, counted from the front; None: it is to have none.

    Raises:
        TransformError: there is no such output, or no such axis.
    """
    names = [output.name for output in document.outputs]
    given: Mapping[str, int | None] = out_axes if isinstance(out_axes, Mapping) else {}
    for name in given:
        if name not in names:
            raise TransformError(f'out_axes: the document has no output "{name}"{nearest(name, names)}')
    common = 0 if isinstance(out_axes, Mapping) else out_axes
    places: dict[str, int | None] = {}
    for output in document.outputs:
        place = given[output.name] if output.name in given else _place_by_role(output.role, axes, common)
        type = document.types[output.value]
        places[output.name] = None if place is None else _place(place, type, f'out_axes: "{output.name}"')
    return places


def _place_by_role(role: OutputRole | None, axes: MappedAxes, common: int) -> int | None:
    """Where an output has the mapped axis if nothing was said: with a mapped parameter, what belongs to it."""
    if isinstance(role, StateUpdateRole):
        return axes.of.get(role.of)
    return axes.of.get(role.wrt, common) if isinstance(role, GradientRole) else common
