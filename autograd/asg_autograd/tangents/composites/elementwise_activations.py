"""Tangent rules of more activations. Those without one are differentiated by an expansion that is as short.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import symmetric, times
from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Glu,
    Hardswish,
    LogSigmoid,
    Mish,
    Prelu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.expansion import narrow, widen
from asg_schema.op import Op
from asg_schema.ops.comparison import Greater
from asg_schema.ops.elementwise import Where
from asg_schema.ops.elementwise_functions import Sigmoid

__all__: list[str] = []

_FUNCTIONS: tuple[type[Op], ...] = (Celu, Elu, Hardswish, LogSigmoid, Mish, Softshrink, Softsign, Tanhshrink)
for _function in _FUNCTIONS:
    tangents.define(_function)(symmetric)


@tangents.define(Prelu)
def _prelu(op: Prelu, at: Perturbation) -> Tangents:
    (x, weight), (x_moves, weight_moves) = at.operands, at.tangents
    right = x.scalar(0.0) if x_moves is None else x_moves
    by_weight = None if weight_moves is None else op.factor(weight_moves, x.rank) * x
    left = total(times(x_moves, op.factor(weight, x.rank)), by_weight)
    return (None if left is None else Where.of(Greater.of(x, x.scalar(0.0)), right, left),)


@tangents.define(Glu)
def _glu(op: Glu, at: Perturbation) -> Tangents:
    (values, gates), (values_move, gates_move) = op.halves(widen(at.x)), op.halves(widen(at.t))
    open_part = Sigmoid.of(gates)
    return (narrow(open_part * (values_move + values * (1.0 - open_part) * gates_move), at.x.dtype),)
