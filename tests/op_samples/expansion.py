"""Documents in which composites are written out."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Editor, Value
from asg_schema.inference import infer_or_raise
from asg_schema.op import Op
from op_samples.sample import Sample, dtype_of


class ExpandingEditor(Editor):
    """An editor that writes the expansion of a composite in its place, down to primitives."""

    @override
    def append(self, node: Op) -> tuple[Value, ...]:
        if not isinstance(node, Composite):
            return super().append(node)
        declared = infer_or_raise(node, f"/nodes/{len(self.nodes)}", self.types)
        results = node.expand([self.value(reference) for reference in node.inputs])
        types = tuple(result.type for result in results)
        assert types == declared, f"{node.name} expands to {types}; its rule says {declared}"
        return results


def expanded_document(sample: Sample, shapes: Sequence[tuple[Any, ...]] | None = None) -> Document:
    """The sample's document in primitives; with `shapes`, the inputs have these shapes, symbols among them."""
    editor = ExpandingEditor()
    operands = [
        editor.add_input(Input(id=f"x{i}", dtype=dtype_of(x), shape=x.shape if shapes is None else shapes[i]))
        for i, x in enumerate(sample.operands)
    ]
    for index, result in enumerate(editor.emit(sample.op, operands, dict(sample.attributes))):
        editor.add_output(Output(name=f"y{index}", value=result.id))
    return editor.document(sample.id)
