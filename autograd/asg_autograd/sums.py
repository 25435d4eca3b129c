"""Sums of derivatives, of which each may be zero, in few nodes."""

from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composites.contraction import Linear
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.elementwise_products import Addcmul
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.elementwise import Multiply
from asg_schema.ops.layout import BroadcastTo
from asg_schema.subscripts import parse_equation

__all__ = ["added", "total"]


def total(*terms: Value | None) -> Value | None:
    """The sum of the terms that are not zero; None where all are."""
    found: Value | None = None
    for term in terms:
        if term is not None:
            found = term if found is None else added(found, term)
    return found


def added(a: Value, b: Value) -> Value:
    """The sum of two values. A product that nothing else needs is added by the one node."""
    editor = a.editor
    if isinstance(editor, SimplifyingEditor):
        for x, product in ((a, b), (b, a)):
            definition = editor.definition(product)
            if not isinstance(definition, Multiply | Einsum) or x.id == product.id or not editor.is_fresh(product):
                continue
            if isinstance(definition, Multiply):
                return Addcmul.of(x, *map(editor.value, definition.inputs))
            if (affine := _affine(definition, editor.definition(x), editor)) is not None:
                return affine
    return a + b


def _affine(product: Einsum, term: Op | None, editor: SimplifyingEditor) -> Value | None:
    """The sum of an einsum that is […, in] times [out, in], and a repeated vector [out]; None for any other."""
    if not isinstance(term, BroadcastTo) or len(product.inputs) != 2:
        return None
    bias = editor.value(term.inputs[0])
    operands = [editor.value(reference) for reference in product.inputs]
    subscripts = parse_equation(product.equation, [operand.rank for operand in operands])
    for first, second in ((0, 1), (1, 0)):
        x, weight = operands[first], operands[second]
        labels, (*rows, inner) = subscripts.operands[second], subscripts.operands[first] or ("",)
        if weight.rank != 2 or labels[1] != inner or tuple(subscripts.output) != (*rows, labels[0]):
            continue
        plain = len({*rows, *labels}) == len(rows) + 2 and x.shape[-1] == weight.shape[1]
        if plain and bias.shape == weight.shape[:1]:
            return Linear.of(x, weight, bias)
    return None
