"""Rewrites of arithmetic: neutral elements and signs."""

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.composites.creation import Size
from asg_schema.editing import Value
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Divide,
    Multiply,
    Negative,
    Pow,
    Subtract,
)

__all__: list[str] = []


@rewrite(Add, of=(Full,))
def add_zero(node: Add, at: Candidate) -> Value | None:
    """Rewrite x + 0 and 0 + x as x. Requires that x has the type of the result."""
    for x, other in (at.operands, at.operands[::-1]):
        if at.constant(other) == 0 and x.type == at.result:
            return x
    return None


@rewrite(Subtract, of=(Full,))
def subtract_zero(node: Subtract, at: Candidate) -> Value | None:
    """Rewrite x - 0 as x. Requires that x has the type of the result."""
    x, other = at.operands
    return x if at.constant(other) == 0 and x.type == at.result else None


@rewrite(Multiply, of=(Full,))
def multiply_by_one(node: Multiply, at: Candidate) -> Value | None:
    """Rewrite x · 1 as x and x · -1 as -x, and with exchanged factors. Requires that x has the type of the result."""
    for x, factor in (at.operands, at.operands[::-1]):
        value = at.constant(factor)
        if value is not None and abs(value) == 1 and x.type == at.result:
            return x if value > 0 else -x
    return None


@rewrite(Divide, Pow, of=(Full,))
def divide_by_one(node: Divide | Pow, at: Candidate) -> Value | None:
    """Rewrite x / 1 and x ** 1 as x. Requires that x has the type of the result."""
    x, other = at.operands
    return x if at.constant(other) == 1 and x.type == at.result else None


@rewrite(Negative, of=(Negative, Subtract))
def negative_of_difference(node: Negative, at: Candidate) -> Value | None:
    """Rewrite -(-x) as x, and -(a - b) as b - a."""
    definition = at.definition(at.x)
    if isinstance(definition, Negative):
        return at.editor.value(definition.inputs[0])
    if isinstance(definition, Subtract):
        a, b = map(at.editor.value, definition.inputs)
        return b - a
    return None


@rewrite(Add, of=(Negative,))
def add_negative(node: Add, at: Candidate) -> Value | None:
    """Rewrite a + -b and -b + a as a - b."""
    for a, b in (at.operands, at.operands[::-1]):
        definition = at.definition(b)
        if isinstance(definition, Negative):
            return a - at.editor.value(definition.inputs[0])
    return None


@rewrite(Subtract, of=(Negative,))
def subtract_negative(node: Subtract, at: Candidate) -> Value | None:
    """Rewrite a - -b as a + b."""
    a, b = at.operands
    definition = at.definition(b)
    return a + at.editor.value(definition.inputs[0]) if isinstance(definition, Negative) else None


@rewrite(Multiply, Divide, of=(Negative,))
def product_of_negatives(node: Multiply | Divide, at: Candidate) -> Value | None:
    """Rewrite -a · -b as a · b, and -a / -b as a / b."""
    first, second = map(at.definition, at.operands)
    if not isinstance(first, Negative) or not isinstance(second, Negative):
        return None
    return type(node).of(*(at.editor.value(definition.inputs[0]) for definition in (first, second)))


@rewrite(Abs, of=(Abs, Negative))
def absolute_value_of_sign(node: Abs, at: Candidate) -> Value | None:
    """Rewrite |-x| and ||x|| as |x|."""
    definition = at.definition(at.x)
    if isinstance(definition, Abs):
        return at.x
    return Abs.of(at.editor.value(definition.inputs[0])) if isinstance(definition, Negative) else None


@rewrite(Add, of=(Divide,))
def double_of_share(node: Add, at: Candidate) -> Value | None:
    """Rewrite c/n + c/n as (c + c)/n, where c is a constant and n a number of elements.

    Requires float32 or float64 and |c| from 2⁻³⁰ to 2³⁰: n is at most 2⁶³, so that neither c/n nor its double is too
    large or too small to be exact in all its digits.
    """
    a, b = at.operands
    share = at.definition(a)
    if a.id != b.id or not isinstance(share, Divide) or at.result.dtype.itemsize < 4:
        return None
    numerator, count = map(at.editor.value, share.inputs)
    known = at.constant(numerator)
    if known is None or not 2.0**-30 <= abs(known) <= 2.0**30 or not isinstance(at.definition(count), Size):
        return None
    return (numerator + numerator) / count
