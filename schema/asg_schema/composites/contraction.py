"""The affine map and attention."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.bounds import check_overflow
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.composites.reduction import Softmax
from asg_schema.dims import Dim, format_shape
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import finite_maximum, narrow, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Equal, GreaterEqual
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.creation import DimSize, Iota
from asg_schema.ops.elementwise import Astype, Where
from asg_schema.ops.elementwise_functions import Exp, Rsqrt
from asg_schema.ops.layout import PermuteDims
from asg_schema.ops.reduction import Sum
from asg_schema.tensor_type import TensorType

__all__ = ["Attention", "AttentionWeights", "Linear", "scaled"]


class Linear(Composite):
    """x · weightᵀ + bias (`torch.nn.functional.linear`).

    x has the shape […, in], `weight` [out, in], `bias` [out]; the result […, out]. x has at least one axis. All have
    one dtype, and so has the result.

    Gradient:
        x: ḡ · weight.
        weight: Σ ḡᵀ · x over the leading axes: [out, in].
        bias: Σ ḡ over the leading axes.
    """

    op: Literal["linear"] = "linear"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"), Operand("weight"), Operand("bias", optional=True))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, weight, *bias = operands
        if x.rank == 0:
            raise RuleError("{0} has rank 0; at least one axis is needed", operand=0)
        if weight.rank != 2:
            raise RuleError("{1} is the weight; shape [out, in] is needed there", operand=1)
        if x.shape[-1] != weight.shape[1]:
            raise RuleError(
                f"the last axis of {{0}} is {x.shape[-1]} and that of {{1}} is {weight.shape[1]}; they must be equal",
                operand=1,
            )
        if bias and bias[0].shape != weight.shape[:1]:
            raise RuleError(f"{{2}} is the bias; shape [{weight.shape[0]}] is needed there", operand=2)
        return (TensorType(x.dtype, (*x.shape[:-1], weight.shape[0])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, weight, *bias = operands
        product = x @ PermuteDims.of(weight, axes=(1, 0))
        return (product + bias[0] if bias else product,)


class AttentionWeights(Composite):
    """softmax(scale · query · keyᵀ), taken over the keys: how much of each value `attention` takes for each query.

    `query` has the shape […, L, E], `key` […, S, E]; the result […, L, S]; leading axes broadcast. `mask` broadcasts to
    […, L, S]: a bool says who may attend (True) and who may not, a number of the query's dtype is added to the score.
    With `causal` the query at position i attends only to the keys 0 to i. Where a query may not attend the weight is 0;
    so are all of a query that may attend to no key, or all of whose scores are -inf under a mask. The weights of every
    other query add up to 1 (Vaswani et al., "Attention is all you need", 2017).

    Gradient:
        Let P be the result and S̄ = P · (ḡ - Σ ḡ · P over the keys), element by element; then
        query: scale · S̄ · key.
        key: scale · S̄ᵀ · query.
        mask: S̄, where it is a number.
        P and S̄ are 0 where a query may not attend, so nothing flows there, and nothing to a query that may attend to
        none.
    """

    op: Literal["attention_weights"] = "attention_weights"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("query"),
        Operand("key"),
        Operand("mask", DTypeGroup.ANY, variable="M", optional=True),
    )
    causal: StrictBool = Field(default=False, description="Whether a query attends only to keys up to its position.")
    scale: Number | None = Field(default=None, description="The factor of the scores; absent: 1/√E.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        query, key, *mask = operands
        batch = _check_scores(query, key, self.scale)
        shape = (*batch, query.shape[-2], key.shape[-2])
        if mask:
            _check_mask(mask[0], query.dtype, shape, 2)
        return (TensorType(query.dtype, shape),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        query, key, *mask = operands
        swap = (*range(key.rank - 2), key.rank - 1, key.rank - 2)
        scores = Matmul.of(scaled(query, query, self.scale), PermuteDims.of(key, axes=swap))
        if mask and mask[0].dtype is not DType.BOOL:
            scores = scores + mask[0]
        for permission in self.permissions(scores, mask):
            scores = Where.of(permission, scores, scores.scalar(-math.inf))
        # Without a mask every query attends to some key: the causal rule leaves it key 0.
        return (_masked_softmax(scores) if mask else Softmax.of(scores),)

    def permissions(self, scores: Value, mask: Sequence[Value]) -> list[Value]:
        """Who may attend to whom, by a mask and by position: bools that broadcast with the scores […, L, S]."""
        allowed = [operand for operand in mask if operand.dtype is DType.BOOL]
        return [*allowed, _up_to_diagonal(scores)] if self.causal else allowed


class Attention(Composite):
    """softmax(scale · query · keyᵀ) · value, the softmax taken over the keys: `attention_weights`, times the values.

    `query` has the shape […, L, E], `key` […, S, E], `value` […, S, Ev]; the result […, L, Ev]; leading axes broadcast.
    `mask` broadcasts to […, L, S]: a bool says who may attend (True) and who may not, a number of the query's dtype is
    added to the score. With `causal` the query at position i attends only to the keys 0 to i. A query that may attend
    to no key, or all of whose scores are -inf under a mask, yields 0 (Vaswani et al., "Attention is all you need",
    2017; `torch.nn.functional.scaled_dot_product_attention`).

    Gradient:
        Let P be the weights after the softmax, P̄ = ḡ · valueᵀ and S̄ = P · (P̄ - Σ P̄ · P over the keys), element by
        element; then
        query: scale · S̄ · key.
        key: scale · S̄ᵀ · query.
        value: Pᵀ · ḡ.
        mask: S̄, where it is a number.
        P and S̄ are 0 where a query may not attend, so nothing flows there, and nothing to a query that yields 0.
    """

    op: Literal["attention"] = "attention"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("query"),
        Operand("key"),
        Operand("value"),
        Operand("mask", DTypeGroup.ANY, variable="M", optional=True),
    )
    causal: StrictBool = Field(default=False, description="Whether a query attends only to keys up to its position.")
    scale: Number | None = Field(default=None, description="The factor of the scores; absent: 1/√E.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        query, key, value, *mask = operands
        if value.rank < 2:
            raise RuleError("{2} is the value; at least two axes are needed there", operand=2)
        _check_scores(query, key, self.scale)
        _check_equal(key.shape[-2], value.shape[-2], "the last but one axis of {1}", "that of {2}", 2)
        batch = broadcast_shapes([operand.shape[:-2] for operand in (query, key, value)])
        if mask:
            _check_mask(mask[0], query.dtype, (*batch, query.shape[-2], key.shape[-2]), 3)
        return (TensorType(query.dtype, (*batch, query.shape[-2], value.shape[-1])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        query, key, value, *mask = operands
        return (Matmul.of(self.weights(query, key, mask), value),)

    def weights(self, query: Value, key: Value, mask: Sequence[Value]) -> Value:
        """By what each value is multiplied for each query."""
        return AttentionWeights.of(query, key, *mask, causal=self.causal, scale=self.scale)


def scaled(x: Value, query: Value, scale: float | None) -> Value:
    """A value times the factor of the scores: the given one, or 1/√E of the query […, L, E]."""
    if scale is not None:
        return x * scale
    width = query.shape[-1]
    if isinstance(width, int):
        return x * (1 / math.sqrt(width))
    return x * Rsqrt.of(Astype.of(DimSize.of(query, axis=-1), dtype=query.dtype))


def _up_to_diagonal(scores: Value) -> Value:
    """For scores […, L, S] the bool [L, S] that holds at (i, j) where j ≤ i."""
    editor, (length, keys) = scores.editor, scores.shape[-2:]
    rows = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (length, 1), "axis": 0})[0]
    columns = editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (1, keys), "axis": 1})[0]
    return GreaterEqual.of(rows, columns)


def _masked_softmax(scores: Value) -> Value:
    """The softmax along the last axis, 0 for a line of nothing but -inf, with a derivative of 0 there and not NaN."""
    if scores.shape[-1] == 0:  # there is no maximum, and nothing to compute
        return scores
    wide = widen(scores)
    exponential = Exp.of(wide - finite_maximum(wide, (-1,)))
    total = Sum.of(exponential, axis=(-1,), keepdims=True)
    divisor = Where.of(Equal.of(total, total.scalar(0.0)), total.scalar(1.0), total)
    return narrow(exponential / divisor, scores.dtype)


def _check_equal(a: Dim, b: Dim, first: str, second: str, operand: int) -> None:
    if a != b:
        raise RuleError(f"{first} is {a} and {second} is {b}; they must be equal", operand=operand)


def _check_scores(query: TensorType, key: TensorType, scale: float | None) -> tuple[Dim, ...]:
    """The leading axes of the scores of queries and keys, and of their factor, as they are allowed to be."""
    for index, (name, operand) in enumerate((("query", query), ("key", key))):
        if operand.rank < 2:
            raise RuleError(f"{{{index}}} is the {name}; at least two axes are needed there", operand=index)
    _check_equal(query.shape[-1], key.shape[-1], "the last axis of {0}", "the last axis of {1}", 1)
    if scale is None:
        if query.shape[-1] == 0:
            raise RuleError("the last axis of {0} is 0, so that 1/√E is not finite; give a scale", operand=0)
    elif not math.isfinite(scale):
        raise RuleError(f"scale is {scale}; a finite number is needed", field="scale")
    else:
        check_overflow("scale", scale, query.dtype)
    return broadcast_shapes([operand.shape[:-2] for operand in (query, key)])


def _check_mask(mask: TensorType, dtype: DType, scores: tuple[Dim, ...], place: int) -> None:
    if mask.dtype not in (DType.BOOL, dtype):
        raise RuleError(f"{{{place}}} is the mask; bool or {dtype.value} is needed there", operand=place)
    try:
        fits = broadcast_shapes((scores, mask.shape)) == scores
    except RuleError:
        fits = False
    if not fits:
        wanted = format_shape(scores)
        raise RuleError(f"{{{place}}} is the mask; a shape that broadcasts to {wanted} is needed there", operand=place)
