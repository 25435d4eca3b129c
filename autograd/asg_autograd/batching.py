"""`vmap`: from a document for one example to the document for many of them at once."""

from collections.abc import Mapping

from asg_autograd.batching_rules.axes import move_axes
from asg_autograd.errors import TransformError
from asg_autograd.mapped_axes import InAxis, MappedAxes, axis_size, mapped_axes, output_axes
from asg_autograd.mapped_nodes import map_nodes
from asg_autograd.mapped_parameters import mapped_parameter
from asg_autograd.mapped_values import MappedValues
from asg_autograd.naming import free_scope, scopes_of_nodes
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.dims import Dim
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Value
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.ops.layout import BroadcastTo, Reshape
from asg_schema.ops.random import RngBits
from asg_schema.roles import GradientRole, LossScaleRole, RngKeyRole, StateUpdateRole
from asg_schema.traversal import prune

__all__ = ["vmap"]


@garbage_collection_paused()
def vmap(
    document: Document,
    in_axes: int | Mapping[str, InAxis] = 0,
    *,
    size: str | int | None = None,
    out_axes: int | Mapping[str, int | None] = 0,
) -> Document:
    """The document that computes for many examples what `document` computes for one.

    Inputs and parameters that are mapped get one more axis, the mapped one, along which the examples stand. What
    depends on one of them is computed for each example by itself; all else is computed once, by the nodes that are
    there. A node whose op stays keeps its id. Nodes on which no output depends are left out.

    Args:
        document: a valid document.
        in_axes: for inputs and parameters the place of the mapped axis, or None where all examples share one value, as
            they do of what is not named. An integer maps all inputs but random keys and a loss scale there. A negative
            place counts from the end of the new shape. A random key is split where `in_axes` says "split", and where it
            has the role `rng_key` and is not named: the key of example i is `rng_bits(key, [2], offset=2·i)`.
        size: the size of the mapped axis: an integer, or a symbol that the document does not have. Absent: the first
            of `examples`, `examples2`, … that it does not have.
        out_axes: the place of the mapped axis in the outputs, one for all or by name (0 where a name is missing). A
            gradient or a state update that is not named has it where what it is by, or updates, has it. An output that
            depends on no mapped value is repeated along it; with None such an output stays as it is.

    Roles of outputs stay, with these exceptions. A gradient keeps its role only where it has the mapped axis exactly
    where what it is by has it: so an ensemble, whose parameters are mapped, can be trained, and gradients for each
    example are values that no executor applies. A state update that is the same for all examples stays as it is.

    Raises:
        TransformError: there is no such input, parameter or output, or no such axis; nothing is mapped; the size is
            taken, or has to be a number; an output with `None` depends on a mapped value; a parameter that is shared
            would be updated by each example; or a value would have too many axes.
    """
    axes = mapped_axes(document, in_axes)
    count = axis_size(document, size, axes)
    places = output_axes(document, out_axes, axes)
    editor = SimplifyingEditor()
    editor.scope = editor.constant_scope = free_scope("vmap", document.types)
    graph = _sources(document, axes, count, editor)
    scope, visit = editor.scope, scopes_of_nodes(editor, "vmap")
    map_nodes(document.nodes, document.types, graph, editor, visit)
    editor.scope = scope
    for output in document.outputs:
        editor.add_output(_mapped_output(output, graph, editor, places[output.name], axes))
    return prune(editor.document(document.name, dict(document.metadata)))


def _sources(document: Document, axes: MappedAxes, size: Dim, editor: SimplifyingEditor) -> MappedValues:
    """Declare the inputs and parameters, and bring their mapped axes to the front."""
    graph = MappedValues({}, set(), size)
    for item in document.inputs:
        editor.add_input(_mapped_input(item, axes.of[item.id], size) if item.id in axes.of else item)
    for item in document.parameters:
        if item.id in axes.of:
            assert isinstance(size, int), "the size was checked"
            item = mapped_parameter(item, axes.of[item.id], size)
        editor.add_parameter(item)
    for item in (*document.inputs, *document.parameters):
        value = editor.value(item.id)
        if item.id in axes.of:
            value = move_axes(value, [axes.of[item.id]], 0)
        elif item.id in axes.split:
            (value,) = editor.emit(RngBits, (value,), {"shape": (size, 2)})
        graph.add(item.id, value, document.types[item.id])
    return graph


def _mapped_input(item: Input, axis: int, size: Dim) -> Input:
    """An input with the mapped axis. Keys and scales that differ are no longer what a session gives."""
    role = None if isinstance(item.role, RngKeyRole | LossScaleRole) else item.role
    return Input(id=item.id, dtype=item.dtype, shape=(*item.shape[:axis], size, *item.shape[axis:]), role=role)


def _mapped_output(
    output: Output, graph: MappedValues, editor: SimplifyingEditor, place: int | None, axes: MappedAxes
) -> Output:
    value = graph.values[output.value]
    if output.value in graph.mapped:
        if place is None:
            raise _without_an_axis(output)
        value = move_axes(value, [0], place)
    elif place is not None:
        value = _repeated(value, place, graph.size)
    role = output.role
    if isinstance(role, GradientRole) and (axes.of.get(role.wrt) != place or value.type != editor.types[role.wrt]):
        role = None
    if isinstance(role, StateUpdateRole) and value.type != editor.types[role.of]:
        raise TransformError(
            f'output "{output.name}" {value.type} updates the parameter "{role.of}" {editor.types[role.of]}; the types '
            "must be equal, so leave its place to vmap"
        )
    return Output(name=output.name, value=value.id, role=role)


def _repeated(value: Value, place: int, size: Dim) -> Value:
    """A value that is the same for all examples, repeated along an axis of its own."""
    before, behind = value.shape[:place], value.shape[place:]
    if place:
        value = Reshape.of(value, shape=(*before, 1, *behind))
    return BroadcastTo.of(value, shape=(*before, size, *behind))


def _without_an_axis(output: Output) -> TransformError:
    if isinstance(output.role, StateUpdateRole):
        return TransformError(
            f'output "{output.name}" would update the parameter "{output.role.of}", which all examples share, with a '
            "value for each of them; prune this output, or map the parameter too"
        )
    return TransformError(f'output "{output.name}" has a value for each example; out_axes cannot be None for it')
