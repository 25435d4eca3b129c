"""Rotary position embedding."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.dims import Dim, format_shape
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import count_elements, narrow, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Astype, Pow
from asg_schema.ops.elementwise_functions import Cos, Sin
from asg_schema.ops.layout import Concat, Reshape, Slice
from asg_schema.tensor_type import TensorType

__all__ = ["RotaryEmbedding"]


class RotaryEmbedding(Composite):
    """Every pair of elements of the last axis turned by an angle that grows with its position.

    x has the shape […, L, E] with E even; `positions` broadcasts to […, L], and is 0 to L - 1 where it is absent. The
    pair i, for i from 0 to E/2 - 1, at position p is turned by a = p · base^(-2i/E): (u, v) becomes
    (u · cos a - v · sin a, v · cos a + u · sin a). It is (x[…, i], x[…, i + E/2]), or with `interleaved`
    (x[…, 2i], x[…, 2i + 1]); what it becomes stands in the same places (Su et al., "RoFormer: enhanced transformer with
    rotary position embedding", 2021). Angles, sines and cosines are computed in float64.

    The result has the type of x.

    Gradient:
        x: ḡ turned back: rotary_embedding(ḡ, -positions) with the same attributes.
    """

    op: Literal["rotary_embedding"] = "rotary_embedding"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x"),
        Operand("positions", DTypeGroup.INDEX, variable="I", differentiable=False, optional=True),
    )
    base: Number = Field(
        default=10000.0, description="What the angles of successive pairs fall by; above 0 and finite."
    )
    interleaved: StrictBool = Field(
        default=False, description="Whether the elements of a pair are neighbours, and not half the axis apart."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, *positions = operands
        if x.rank < 2:
            raise RuleError(f"{{0}} has rank {x.rank}; shape […, L, E] is needed there", operand=0)
        if x.shape[-1] % 2 != 0:
            raise RuleError(f"the last axis of {{0}} is {x.shape[-1]}; an even size is needed there", operand=0)
        if not 0 < self.base < math.inf:
            raise RuleError(f"base is {self.base}; a finite number above 0 is needed", field="base")
        if positions and not _broadcasts(positions[0].shape, x.shape[:-1]):
            wanted = format_shape(x.shape[:-1])
            raise RuleError(f"{{1}} holds positions; a shape that broadcasts to {wanted} is needed there", operand=1)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, *given = operands
        wide, half = widen(x), x.shape[-1] // 2
        positions = given[0] if given else self.default_positions(x)
        # The axis of pairs is split in two: the pair's elements stand along `axis`.
        axis = x.rank if self.interleaved else x.rank - 1
        pair: tuple[Dim, ...] = (half, 2) if self.interleaved else (2, half)
        pairs = Reshape.of(wide, shape=(*x.shape[:-1], *pair))
        zeros = (0,) * x.rank
        before, behind = pairs.shape[:axis], pairs.shape[axis + 1 :]
        u = Slice.of(pairs, start=(*zeros, 0), stop=(*before, 1, *behind))
        v = Slice.of(pairs, start=(*zeros[:axis], 1, *zeros[axis:]), stop=pairs.shape)
        angles = self._angles(positions, x)
        single = (*positions.shape, half, 1) if self.interleaved else (*positions.shape, 1, half)
        cosine, sine = (
            Reshape.of(Astype.of(function.of(angles), dtype=wide.dtype), shape=single) for function in (Cos, Sin)
        )
        turned = Concat.of(u * cosine - v * sine, v * cosine + u * sine, axis=axis)
        return (narrow(Reshape.of(turned, shape=x.shape), x.dtype),)

    def default_positions(self, x: Value) -> Value:
        """The positions 0 to L - 1."""
        return x.editor.emit(Iota, (), {"dtype": DType.INT64, "shape": x.shape[-2:-1]})[0]

    def _angles(self, positions: Value, x: Value) -> Value:
        """The angle of each position and pair, in float64."""
        pair = x.editor.emit(Iota, (), {"dtype": DType.FLOAT64, "shape": (x.shape[-1] // 2,)})[0]
        exponent = pair * -2.0 / count_elements(x, [x.rank - 1], DType.FLOAT64)
        frequency = Pow.of(pair.scalar(self.base), exponent)
        column = Reshape.of(Astype.of(positions, dtype=DType.FLOAT64), shape=(*positions.shape, 1))
        return column * frequency


def _broadcasts(shape: tuple[Dim, ...], target: tuple[Dim, ...]) -> bool:
    try:
        return broadcast_shapes((target, shape)) == target
    except RuleError:
        return False
