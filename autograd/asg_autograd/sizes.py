"""Sizes asked of inputs, so that no value is needed only for its shape."""

from collections.abc import Iterable, Mapping

from asg_schema.composites.creation import Size
from asg_schema.dims import Dim, element_count
from asg_schema.document import Document, Input
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.creation import DimSize
from asg_schema.ops.elementwise import Astype, Multiply
from asg_schema.tensor_type import TensorType

__all__ = ["sized_by_inputs", "with_measured_axes"]


def with_measured_axes(document: Document) -> Document:
    """The document with each `size` written as the product of a `dim_size` for each axis that has a symbol."""
    if not any(isinstance(node, Size) for node in document.nodes):
        return document
    editor, types = Editor(), document.types
    for item in document.inputs:
        editor.add_input(item)
    for item in document.parameters:
        editor.add_parameter(item)
    for node in document.nodes:
        if isinstance(node, Size):
            editor.scope = f"{node.id}."
            _measure(node, editor)
        else:
            editor.nodes.append(node)
            editor.types.update((reference, types[reference]) for reference in node.references())
    for output in document.outputs:
        editor.add_output(output)
    return editor.document(document.name, dict(document.metadata))


def _measure(node: Size, editor: Editor) -> None:
    x = editor.value(node.inputs[0])
    axes = node.axes_of(node.axis, x.rank)
    known = element_count(dim for axis in axes if isinstance(dim := x.shape[axis], int))
    assert isinstance(known, int), "a product of numbers is a number"
    total = None if known == 1 else editor.full((), known, DType.INT64)
    for axis in axes:
        if not isinstance(x.shape[axis], int):
            size = DimSize.of(x, axis=axis)
            total = size if total is None else Multiply.of(total, size)
    if total is None:
        total = editor.full((), 1, DType.INT64)
    editor.emit(Astype, (total,), {"dtype": node.dtype}, node.id)


def sized_by_inputs(nodes: Iterable[Op], types: Mapping[str, TensorType], inputs: Iterable[Input]) -> tuple[Op, ...]:
    """Nodes whose `dim_size` ask inputs instead of other values, so that none is needed only for its shape.

    Args:
        nodes: the nodes.
        types: the type of every value that they read.
        inputs: the inputs to ask, the first that has a size before others.
    """
    places: dict[Dim, tuple[str, int]] = {}
    for item in inputs:
        for axis, dim in enumerate(item.shape):
            places.setdefault(dim, (item.id, axis))
    return tuple(_sized(node, types, places) if isinstance(node, DimSize) else node for node in nodes)


def _sized(node: DimSize, types: Mapping[str, TensorType], places: Mapping[Dim, tuple[str, int]]) -> Op:
    found = places.get(types[node.inputs[0]].shape[node.axis])
    return node if found is None else node.model_copy(update={"inputs": (found[0],), "axis": found[1]})
