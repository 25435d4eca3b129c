"""Batching rules of what is computed element by element: operands broadcast for all examples as they do for one."""

from asg_autograd.batching_rules.axes import shifted
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Glu,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    Prelu,
    Relu6,
    Selu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf
from asg_schema.composites.elementwise_products import Addcmul, Gate
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Round,
    Sign,
    StopGradient,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Digamma,
    Erf,
    Erfinv,
    Exp,
    Expm1,
    Lgamma,
    Log,
    Log1p,
    Polygamma,
    Rsqrt,
    Sigmoid,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)

__all__: list[str] = []

_FUNCTIONS: tuple[type[Op], ...] = (
    *(Acos, Acosh, Asin, Asinh, Atan, Atan2, Atanh, Cos, Cosh, Digamma, Erf, Erfinv, Exp, Expm1, Lgamma, Log, Log1p),
    *(Polygamma, Rsqrt, Sigmoid, Sin, Sinh, Sqrt, Tan, Tanh),
)
_ARITHMETIC: tuple[type[Op], ...] = (
    *(Abs, Add, Astype, Ceil, Divide, Floor, Maximum, Minimum, Multiply, Negative, Pow, Remainder, Round, Sign),
    *(StopGradient, Subtract, Where, Barrier),
)
_COMPARISONS: tuple[type[Op], ...] = (
    *(Equal, Greater, GreaterEqual, IsFinite, IsInf, IsNan, Less, LessEqual, LogicalAnd, LogicalNot, LogicalOr),
    *(LogicalXor, NotEqual),
)
_ACTIVATIONS: tuple[type[Op], ...] = (
    *(Clip, Gelu, LeakyRelu, Relu, Silu, Softplus, Celu, Elu, Hardshrink, Hardsigmoid, Hardswish, Hardtanh),
    *(LogSigmoid, Mish, Relu6, Selu, Softshrink, Softsign, Tanhshrink, NormalCdf, NormalPdf, Gate, Addcmul),
)


def _by_element(op: Op, at: Batched) -> Results:
    return at.again(*at.aligned())


for _op in (*_FUNCTIONS, *_ARITHMETIC, *_COMPARISONS, *_ACTIVATIONS):
    batching.define(_op)(_by_element)


@batching.define(Prelu)
def _prelu(op: Prelu, at: Batched) -> Results | None:
    if not at.only_first:
        return None
    if at.rank(1) == 0 or at.shape(1) == (1,):
        return at.again(*at.operands)
    return at.folded(at.operands[1:])


@batching.define(Glu)
def _glu(op: Glu, at: Batched) -> Results:
    return at.again(at.x, axis=shifted(op.axis, at.rank()))
