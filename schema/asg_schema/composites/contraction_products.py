"""Outer products, distances and similarities of vectors.

float16 and bfloat16 operands are computed in float32 and rounded once at the end.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Axis, Number
from asg_schema.bounds import check_eps, check_overflow
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.composites.reduction_norms import Norm
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import narrow, widen, widened
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Greater
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import BroadcastTo, Reshape
from asg_schema.ops.reduction import Sum
from asg_schema.tensor_type import TensorType

__all__ = ["CosineSimilarity", "Outer", "PairwiseDistance"]


class Outer(Composite):
    """All products of an element of x1 with one of x2: result[i, j] = x1[i] · x2[j] (`torch.outer`).

    Gradient:
        x1: the matrix product ḡ · x2.
        x2: the matrix product x1 · ḡ.
    """

    op: Literal["outer"] = "outer"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1", DTypeGroup.NUMERIC), Operand("x2", DTypeGroup.NUMERIC))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        for index, operand in enumerate(operands):
            if operand.rank != 1:
                raise RuleError(f"{{{index}}} has rank {operand.rank}; a vector is needed there", operand=index)
        a, b = operands
        return (TensorType(a.dtype, (*a.shape, *b.shape)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        a, b = operands
        return (Reshape.of(a, shape=(*a.shape, 1)) * b,)


class CosineSimilarity(Composite):
    """Σ x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along `axis`, where ‖x‖ is the root of Σ x².

    The operands broadcast; `axis` is one of the shape to which they do, and the result has the others. A vector of
    zeros is similar to none: 0 (`torch.nn.functional.cosine_similarity`).

    Gradient:
        Let y be the result, and u1 = x1 / max(‖x1‖, eps), u2 = x2 / max(‖x2‖, eps). Then
        x1: ḡ · (u2 - y · u1) / ‖x1‖ where ‖x1‖ > eps, else ḡ · u2 / eps.
        x2: ḡ · (u1 - y · u2) / ‖x2‖ where ‖x2‖ > eps, else ḡ · u1 / eps.
    """

    op: Literal["cosine_similarity"] = "cosine_similarity"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))
    axis: Axis = Field(default=1, description="The axis of the vectors.")
    eps: Number = Field(default=1e-8, description="The least that a norm counts as; at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_eps(self.eps, widened(operands[0].dtype))
        shape = broadcast_shapes([operand.shape for operand in operands])
        axis = self._axis(len(shape))
        return (TensorType(operands[0].dtype, (*shape[:axis], *shape[axis + 1 :])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (a, _), (b, _) = self.directions(operands)
        return (narrow(Sum.of(a * b, axis=(self._axis(a.rank),)), operands[0].dtype),)

    def directions(self, operands: Sequence[Value]) -> list[tuple[Value, Value]]:
        """For each operand, broadcast and of at least single precision: it by its norm, and the norm; eps at least."""
        shape = broadcast_shapes([operand.shape for operand in operands])
        results: list[tuple[Value, Value]] = []
        for operand in operands:
            wide = widen(operand)
            x = wide if wide.shape == shape else BroadcastTo.of(wide, shape=shape)
            norm = Norm.of(x, axis=(self._axis(x.rank),), keepdims=True)
            least = norm.scalar(self.eps)
            length = Where.of(Greater.of(norm, least), norm, least)
            results.append((x / length, length))
        return results

    def _axis(self, rank: int) -> int:
        """The axis, counted from the front of the shape to which the operands broadcast."""
        if not -rank <= self.axis < rank:
            allowed = f"an axis from {-rank} to {rank - 1} is needed" if rank else "rank 0 has no axis"
            raise RuleError(f"axis {self.axis} is out of range for {{0}} and {{1}} together: {allowed}", field="axis")
        return self.axis % rank


class PairwiseDistance(Composite):
    """The p-norm of x1 - x2 + eps along the last axis.

    The operands broadcast; the result has the shape to which they do without its last axis, or with size 1 there
    (`torch.nn.functional.pairwise_distance`).

    Gradient:
        Let d be x1 - x2 + eps and y the result. Then
        x1: ḡ · sign(d) · (|d| / y)^(p-1), as for `norm`; for p = 2, ḡ · d / y, and 0 where y is 0.
        x2: the opposite of that of x1.
    """

    op: Literal["pairwise_distance"] = "pairwise_distance"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))
    p: Number = Field(default=2.0, description="The p of the norm: a number, also inf, -inf or 0.")
    eps: Number = Field(default=1e-6, description="Added to every difference, so that none is exactly 0; finite.")
    keepdims: StrictBool = Field(default=False, description="Whether the last axis stays, with size 1.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        shape = broadcast_shapes([operand.shape for operand in operands])
        dtype = operands[0].dtype
        if not shape:
            raise RuleError("{0} and {1} have rank 0; at least one axis is needed", operand=0)
        if math.isnan(self.p):
            raise RuleError("p is nan; a number, inf or -inf is needed", field="p")
        if not math.isfinite(self.eps):
            raise RuleError(f"eps is {self.eps}; a finite number is needed", field="eps")
        for field, value in (("p", self.p), ("eps", self.eps)):
            check_overflow(field, value, widened(dtype))
        if (self.p < 0 or self.p == math.inf) and shape[-1] == 0:
            raise RuleError(f"the last axis has no element; for p {self.p} at least one is needed", operand=0)
        kept: tuple[Dim, ...] = (1,) if self.keepdims else ()
        return (TensorType(dtype, (*shape[:-1], *kept)),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        a, b = map(widen, operands)
        difference = a - b + self.eps
        return (narrow(Norm.of(difference, axis=(-1,), ord=self.p, keepdims=self.keepdims), operands[0].dtype),)
