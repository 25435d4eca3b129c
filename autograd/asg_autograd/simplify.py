"""Local rewrites: small facts by which a node can be left out or replaced by a smaller one.

Each rule is given a node that is about to be appended, and answers with a value that can stand for its result, or None.
What a rule requires stands in its docstring; that the value has the type of the result is checked for all of them.
Rules may append nodes; these are simplified in their turn.

Rules hold for every number, NaN and infinities included, except that the sign of a zero may differ. So x - x, x · 0 and
x / x stay what they are.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import (
    Add,
    Astype,
    Atan2,
    Divide,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Subtract,
    Where,
)
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Pad, PermuteDims, Reshape, Slice
from asg_schema.ops.reduction import Max, Min, Prod, Reduction, Sum
from asg_schema.tensor_type import TensorType

if TYPE_CHECKING:
    from asg_autograd.simplifying_editor import SimplifyingEditor

__all__ = ["Candidate", "Rewrite", "rewrites"]

O = TypeVar("O", bound=Op)  # noqa: E741 - the op's class, as in asg_schema.op_table


class Candidate:
    """What a rule knows of a node that is about to be appended.

    Attributes:
        operands: the values that the op is applied to.
        result: the type of its result.
        editor: the graph that it would be appended to.
    """

    __slots__ = ("editor", "operands", "result")

    def __init__(self, operands: tuple[Value, ...], result: TensorType, editor: "SimplifyingEditor") -> None:
        self.operands = operands
        self.result = result
        self.editor = editor

    @property
    def x(self) -> Value:
        """The first operand."""
        return self.operands[0]

    def definition(self, value: Value) -> Op | None:
        """The node that yields a value; None for an input or a parameter."""
        return self.editor.definition(value)

    def constant(self, value: Value) -> float | None:
        """The number that every element of a value is, where that is known."""
        definition = self.editor.definition(value)
        return definition.value if isinstance(definition, Full) else None

    def fill(self, value: float) -> Value:
        """A constant of the type of the result."""
        return self.editor.full(self.result.shape, value, self.result.dtype)


Rewrite: TypeAlias = Callable[[Any, Candidate], Value | None]

rewrites: dict[type[Op], dict[type[Op] | None, list[Rewrite]]] = {}
"""For each op the rules that are tried for each kind of node that one of its operands comes from; under None those that
are tried whatever the operands are."""


def _rewrite(
    *ops: type[O], of: Sequence[type[Op] | None] = (None,)
) -> Callable[[Callable[[O, Candidate], Value | None]], Callable[[O, Candidate], Value | None]]:
    """Enter a rule for nodes of `ops`. With `of` it is only tried where an operand comes from a node of such an op."""

    def enter(rule: Callable[[O, Candidate], Value | None]) -> Callable[[O, Candidate], Value | None]:
        for op in ops:
            for source in of:
                rewrites.setdefault(op, {}).setdefault(source, []).append(rule)
        return rule

    return enter


# Broadcasting

_BROADCASTING: tuple[type[Op], ...] = (
    *(Add, Subtract, Multiply, Divide, Pow, Maximum, Minimum, Remainder, Atan2, Where),
    *(Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalXor),
)


@_rewrite(*_BROADCASTING, of=(Full, BroadcastTo, Reshape))
def operand_that_is_broadcast_anyway(node: Op, at: Candidate) -> Value | None:
    """Rewrite op(broadcast_to(a), b) as op(a, b). Requires that the result keeps its shape."""
    changed = list(at.operands)
    for index, operand in enumerate(changed):
        source = _before_broadcast(operand, at)
        if source is None:
            continue
        shapes = [other.shape for other in changed]
        shapes[index] = source.shape
        if broadcast_shapes(shapes) == at.result.shape:
            changed[index] = source
    return None if changed == list(at.operands) else type(node).of(*changed)


def _before_broadcast(value: Value, at: Candidate) -> Value | None:
    """What was repeated, or only got axes of size 1 put before its own, to make `value`."""
    source = None
    definition = at.definition(value)
    while isinstance(definition, BroadcastTo) or (
        isinstance(definition, Reshape) and _adds_leading_axes(definition, at)
    ):
        source = at.editor.value(definition.inputs[0])
        definition = at.definition(source)
    if isinstance(definition, Full) and definition.shape:
        return at.editor.full((), definition.value, definition.dtype)
    return source


def _adds_leading_axes(reshape: Reshape, at: Candidate) -> bool:
    source = at.editor.types[reshape.inputs[0]].shape
    added = len(reshape.shape) - len(source)
    return added > 0 and reshape.shape == (1,) * added + source


@_rewrite(BroadcastTo, of=(BroadcastTo, Reshape))
def broadcast_of_broadcast(node: BroadcastTo, at: Candidate) -> Value | None:
    """What is broadcast twice, or gets leading axes of size 1 first, is broadcast once."""
    source = _before_broadcast(at.x, at)
    return None if source is None else BroadcastTo.of(source, shape=node.shape)


# Neutral elements


@_rewrite(Add, of=(Full,))
def add_zero(node: Add, at: Candidate) -> Value | None:
    """Rewrite x + 0 and 0 + x as x. Requires that x has the type of the result."""
    for x, other in (at.operands, at.operands[::-1]):
        if at.constant(other) == 0 and x.type == at.result:
            return x
    return None


@_rewrite(Subtract, of=(Full,))
def subtract_zero(node: Subtract, at: Candidate) -> Value | None:
    """Rewrite x - 0 as x. Requires that x has the type of the result."""
    x, other = at.operands
    return x if at.constant(other) == 0 and x.type == at.result else None


@_rewrite(Multiply, of=(Full,))
def multiply_by_one(node: Multiply, at: Candidate) -> Value | None:
    """Rewrite x · 1 as x and x · -1 as -x, and with exchanged factors. Requires that x has the type of the result."""
    for x, factor in (at.operands, at.operands[::-1]):
        value = at.constant(factor)
        if value is not None and abs(value) == 1 and x.type == at.result:
            return x if value > 0 else -x
    return None


@_rewrite(Divide, Pow, of=(Full,))
def divide_by_one(node: Divide | Pow, at: Candidate) -> Value | None:
    """Rewrite x / 1 and x ** 1 as x. Requires that x has the type of the result."""
    x, other = at.operands
    return x if at.constant(other) == 1 and x.type == at.result else None


# Signs


@_rewrite(Negative, of=(Negative, Subtract))
def negative_of_difference(node: Negative, at: Candidate) -> Value | None:
    """Rewrite -(-x) as x, and -(a - b) as b - a."""
    definition = at.definition(at.x)
    if isinstance(definition, Negative):
        return at.editor.value(definition.inputs[0])
    if isinstance(definition, Subtract):
        a, b = map(at.editor.value, definition.inputs)
        return b - a
    return None


@_rewrite(Add, of=(Negative,))
def add_negative(node: Add, at: Candidate) -> Value | None:
    """Rewrite a + -b and -b + a as a - b."""
    for a, b in (at.operands, at.operands[::-1]):
        definition = at.definition(b)
        if isinstance(definition, Negative):
            return a - at.editor.value(definition.inputs[0])
    return None


@_rewrite(Subtract, of=(Negative,))
def subtract_negative(node: Subtract, at: Candidate) -> Value | None:
    """Rewrite a - -b as a + b."""
    a, b = at.operands
    definition = at.definition(b)
    return a + at.editor.value(definition.inputs[0]) if isinstance(definition, Negative) else None


# Constants

_ARITHMETIC: dict[type[Op], Callable[[float, float], float]] = {
    Add: operator.add,
    Subtract: operator.sub,
    Multiply: operator.mul,
    Divide: lambda a, b: a / b,
}
_COMPARISON: dict[type[Op], Callable[[float, float], bool]] = {
    Equal: operator.eq,
    NotEqual: operator.ne,
    Less: operator.lt,
    LessEqual: operator.le,
    Greater: operator.gt,
    GreaterEqual: operator.ge,
}


def _floating_constants(at: Candidate) -> list[float] | None:
    """The finite numbers that all operands are, if they are floating-point constants."""
    values: list[float] = []
    for operand in at.operands:
        value = at.constant(operand)
        if value is None or not operand.dtype.is_floating or not math.isfinite(value):
            return None
        values.append(value)
    return values


@_rewrite(*_ARITHMETIC, of=(Full,))
def constant_arithmetic(node: Op, at: Candidate) -> Value | None:
    """What constants yield is constant.

    Requires finite floating-point constants and a result that does not overflow. It is computed in double precision:
    rounded to the dtype once, it is as accurate as after rounding at each step, or more.
    """
    constants = _floating_constants(at)
    if constants is None or (type(node) is Divide and constants[1] == 0):
        return None
    a, b = constants
    value = _ARITHMETIC[type(node)](a, b)
    return at.fill(value) if abs(value) < at.result.dtype.overflow else None


@_rewrite(*_COMPARISON, of=(Full,))
def constant_comparison(node: Op, at: Candidate) -> Value | None:
    """Whether a comparison of constants holds is known.

    Requires integral floating-point constants of at most 256: they are exact in every dtype, where others could be
    equal after rounding.
    """
    constants = _floating_constants(at)
    if constants is None or not all(map(_exact_everywhere, constants)):
        return None
    a, b = constants
    return at.fill(_COMPARISON[type(node)](a, b))


def _exact_everywhere(value: float) -> bool:
    return abs(value) <= 256 and value == int(value)


@_rewrite(Negative, of=(Full,))
def constant_negative(node: Negative, at: Candidate) -> Value | None:
    """The negative of a floating-point constant is constant."""
    constants = _floating_constants(at)
    return at.fill(-constants[0]) if constants else None


@_rewrite(Astype, of=(Full,))
def constant_conversion(node: Astype, at: Candidate) -> Value | None:
    """A floating-point constant in another floating-point dtype is constant. Requires that both hold it exactly."""
    constants = _floating_constants(at)
    if constants and at.result.dtype.is_floating and _exact_everywhere(constants[0]):
        return at.fill(constants[0])
    return None


@_rewrite(Reshape, BroadcastTo, PermuteDims, of=(Full,))
def constant_layout(node: Reshape | BroadcastTo | PermuteDims, at: Candidate) -> Value | None:
    """A constant of another shape is constant."""
    value = at.constant(at.x)
    return None if value is None else at.fill(value)


@_rewrite(LogicalAnd, of=(Full,))
def and_constant(node: LogicalAnd, at: Candidate) -> Value | None:
    """Rewrite x ∧ true as x, which requires that x has the type of the result, and x ∧ false as false."""
    for x, other in (at.operands, at.operands[::-1]):
        value = at.constant(other)
        if value is False:
            return at.fill(False)
        if value is True and x.type == at.result:
            return x
    return None


# Choice


@_rewrite(Where, of=(Full,))
def where_decided(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(true, a, b) as a, and where(false, a, b) as b. Requires that it has the type of the result."""
    condition, a, b = at.operands
    value = at.constant(condition)
    taken = a if value is True else b if value is False else None
    return taken if taken is not None and taken.type == at.result else None


@_rewrite(Where)
def where_indifferent(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(c, a, a) as a. Requires that a has the type of the result."""
    _, a, b = at.operands
    return a if a.id == b.id and a.type == at.result else None


@_rewrite(Where, of=(Where,))
def where_within_where(node: Where, at: Candidate) -> Value | None:
    """Rewrite where(c, where(c, a, _), b) as where(c, a, b), and likewise on the other side.

    Requires that the result keeps its shape.
    """
    condition, *branches = at.operands
    changed = list(branches)
    for side, branch in enumerate(branches):
        definition = at.definition(branch)
        if isinstance(definition, Where) and definition.inputs[0] == condition.id:
            changed[side] = at.editor.value(definition.inputs[1 + side])
    if changed == branches or broadcast_shapes([value.shape for value in (condition, *changed)]) != at.result.shape:
        return None
    return Where.of(condition, *changed)


# Layout


@_rewrite(Reshape, BroadcastTo, Astype)
def same_type(node: Reshape | BroadcastTo | Astype, at: Candidate) -> Value | None:
    """What is brought to the shape or dtype that it has stays what it is."""
    return at.x if at.x.type == at.result else None


@_rewrite(Reshape, of=(Reshape,))
def reshape_of_reshape(node: Reshape, at: Candidate) -> Value | None:
    """A reshaped reshape is one reshape."""
    definition = at.definition(at.x)
    if not isinstance(definition, Reshape):
        return None
    return Reshape.of(at.editor.value(definition.inputs[0]), shape=node.shape)


@_rewrite(PermuteDims)
def permutation(node: PermuteDims, at: Candidate) -> Value | None:
    """Permutations compose, and the one that moves nothing is left out."""
    axes = tuple(axis % at.x.rank for axis in node.axes)
    if axes == tuple(range(at.x.rank)):
        return at.x
    definition = at.definition(at.x)
    if not isinstance(definition, PermuteDims):
        return None
    composed = tuple(definition.axes[axis] % at.x.rank for axis in axes)
    return PermuteDims.of(at.editor.value(definition.inputs[0]), axes=composed)


@_rewrite(PermuteDims, of=(Matmul,))
def transpose_of_product(node: PermuteDims, at: Candidate) -> Value | None:
    """Rewrite (AᵀB)ᵀ as BᵀA, and (ABᵀ)ᵀ as BAᵀ.

    Requires operands with at least two axes, one of them transposed, and a product without another use, which would be
    computed beside the new one.
    """
    definition = at.definition(at.x)
    if not _exchanges_last_two(node) or not isinstance(definition, Matmul) or at.editor.is_used(at.x):
        return None
    a, b = map(at.editor.value, definition.inputs)
    transposed = any(_exchanges_last_two(at.definition(operand)) for operand in (a, b))
    if a.rank < 2 or b.rank < 2 or not transposed:
        return None
    return _exchange_last_two(b) @ _exchange_last_two(a)


def _exchanges_last_two(definition: Op | None) -> bool:
    if not isinstance(definition, PermuteDims):
        return False
    rank = len(definition.axes)
    axes = tuple(axis % rank for axis in definition.axes)
    return rank >= 2 and axes == (*range(rank - 2), rank - 1, rank - 2)


def _exchange_last_two(x: Value) -> Value:
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


@_rewrite(Sum, Prod, Max, Min)
def reduction_of_single_elements(node: Reduction, at: Candidate) -> Value | None:
    """A reduction over no axes, or over axes of size 1, changes at most the shape."""
    if any(at.x.shape[axis] != 1 for axis in node.axes_of(node.axis, at.x.rank)):
        return None
    return Reshape.of(at.x, shape=at.result.shape)


@_rewrite(Slice)
def whole_slice(node: Slice, at: Candidate) -> Value | None:
    """A slice that leaves nothing out is its operand."""
    whole = node.stop == at.x.shape and not any(node.start) and all(step == 1 for step in node.step or ())
    return at.x if whole else None


@_rewrite(Pad)
def pad_by_nothing(node: Pad, at: Candidate) -> Value | None:
    """Padding by no element anywhere changes nothing."""
    return None if any((*node.low, *node.high, *(node.interior or ()))) else at.x


@_rewrite(Concat)
def concat_of_one(node: Concat, at: Candidate) -> Value | None:
    """One array joined with nothing is itself."""
    return at.x if len(at.operands) == 1 else None


@_rewrite(Flip)
def flip_of_flip(node: Flip, at: Candidate) -> Value | None:
    """Flipping twice along the same axes, or along none, changes nothing."""
    axes = node.axes_of(node.axis, at.x.rank)
    definition = at.definition(at.x)
    if isinstance(definition, Flip) and definition.axes_of(definition.axis, at.x.rank) == axes:
        return at.editor.value(definition.inputs[0])
    return None if axes else at.x
