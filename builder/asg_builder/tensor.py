"""`Tensor`: a value that will be known when the document runs.

A tensor has a dtype and a shape and belongs to a graph. Operators and methods append nodes to that graph.

Rules that differ from NumPy's, because a document promotes nothing in silence:

- A Python number takes the tensor's dtype: `x * 2` is float32 for a float32 `x`. A float with an integer tensor is an
  error, as is anything but a bool with a bool tensor.
- A NumPy array beside a tensor becomes a constant of the tensor's dtype, by the rule of `asg_builder.arrays.convert`.
- `==` and `!=` compare element by element, as the array API standard has it; tensors hash by identity. Whether two
  names are one tensor is asked with `is`.
- A tensor has no truth value, so `if`, `and`, `or` and chained comparisons raise; use `asg.where`, `&` and `|`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, Union, cast, final

import numpy as np
from typing_extensions import override

from asg_builder.arguments import AxisLike, DimLike, DTypeLike, ShapeLike, as_axes, as_dtype, complete_shape
from asg_builder.arrays import Array
from asg_builder.constants import embed_array
from asg_builder.indexing import Index, index
from asg_schema.composites.reduction import Mean, Var
from asg_schema.dims import Dim, SymbolicDim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import AsgError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Divide,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Subtract,
)
from asg_schema.ops.layout import PermuteDims, Reshape
from asg_schema.ops.reduction import Max, Min, Prod, Sum

if TYPE_CHECKING:
    from asg_schema.editing import Editor

__all__ = ["Tensor", "TensorLike", "apply", "apply_all"]

TensorLike: TypeAlias = Union["Tensor", float, Array, np.generic]
"""A tensor, or a Python number or NumPy array that becomes a constant of the dtype of the tensor beside it."""

_Other: TypeAlias = Value | float | Array | np.generic


@final
class Tensor(Value):
    """A symbolic array: a dtype, a shape, and a place in a graph."""

    __slots__ = ()
    __array_ufunc__ = None  # an array to the left of an operator leaves it to the tensor

    editor: "Editor[Tensor]"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return self.type.size

    @property
    def T(self) -> "Tensor":  # noqa: N802 - the array API standard's name
        """The transpose of a matrix; the tensor must have two axes."""
        if self.ndim != 2:
            raise AsgError(
                f".T is the transpose of a matrix; {self} has {self.ndim} axes (.mT transposes the last two)"
            )
        return apply(PermuteDims, self, axes=(1, 0))

    @property
    def mT(self) -> "Tensor":  # noqa: N802 - the array API standard's name
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise AsgError(f".mT exchanges the last two axes; {self} has {self.ndim}")
        return apply(PermuteDims, self, axes=(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    def astype(self, dtype: DTypeLike) -> "Tensor":
        """The elements converted to `dtype`; the tensor itself where it has that dtype already."""
        wanted = as_dtype(dtype)
        return self if wanted is self.dtype else apply(Astype, self, dtype=wanted)

    def reshape(self, *shape: ShapeLike) -> "Tensor":
        """The same elements, row-major, under another shape: `reshape(2, -1)` or `reshape((2, -1))`.

        One entry may be -1: it is what the number of elements leaves.
        """
        dims = shape[0] if len(shape) == 1 else cast("Sequence[DimLike]", shape)
        return apply(Reshape, self, shape=complete_shape(dims, self.size))

    def sum(self, axis: AxisLike = None, *, keepdims: bool = False) -> "Tensor":
        """The sum over `axis`; None is all axes."""
        return apply(Sum, self, axis=as_axes(axis), keepdims=keepdims)

    def prod(self, axis: AxisLike = None, *, keepdims: bool = False) -> "Tensor":
        """The product over `axis`; None is all axes."""
        return apply(Prod, self, axis=as_axes(axis), keepdims=keepdims)

    def max(self, axis: AxisLike = None, *, keepdims: bool = False) -> "Tensor":
        """The largest element over `axis`; None is all axes."""
        return apply(Max, self, axis=as_axes(axis), keepdims=keepdims)

    def min(self, axis: AxisLike = None, *, keepdims: bool = False) -> "Tensor":
        """The smallest element over `axis`; None is all axes."""
        return apply(Min, self, axis=as_axes(axis), keepdims=keepdims)

    def mean(self, axis: AxisLike = None, *, keepdims: bool = False) -> "Tensor":
        """The arithmetic mean over `axis`; None is all axes."""
        return apply(Mean, self, axis=as_axes(axis), keepdims=keepdims)

    def var(self, axis: AxisLike = None, *, correction: float = 0.0, keepdims: bool = False) -> "Tensor":
        """The variance over `axis`, with divisor n - correction; None is all axes."""
        return apply(Var, self, axis=as_axes(axis), correction=correction, keepdims=keepdims)

    def __getitem__(self, key: Index) -> "Tensor":
        return index(self, key)

    def __len__(self) -> int:
        if not self.shape or isinstance(self.shape[0], SymbolicDim):
            raise TypeError(f"len() of {self}: {_no_length(self)}")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if not self.shape or isinstance(self.shape[0], SymbolicDim):
            raise TypeError(f"iteration over {self}: {_no_length(self)}")
        return (self[position] for position in range(self.shape[0]))

    @override
    def __add__(self, other: _Other) -> "Tensor":
        return _binary(Add, self, other)

    @override
    def __radd__(self, other: _Other) -> "Tensor":
        return _binary(Add, other, self)

    @override
    def __sub__(self, other: _Other) -> "Tensor":
        return _binary(Subtract, self, other)

    @override
    def __rsub__(self, other: _Other) -> "Tensor":
        return _binary(Subtract, other, self)

    @override
    def __mul__(self, other: _Other) -> "Tensor":
        return _binary(Multiply, self, other)

    @override
    def __rmul__(self, other: _Other) -> "Tensor":
        return _binary(Multiply, other, self)

    @override
    def __truediv__(self, other: _Other) -> "Tensor":
        return _binary(Divide, self, other)

    @override
    def __rtruediv__(self, other: _Other) -> "Tensor":
        return _binary(Divide, other, self)

    def __mod__(self, other: _Other) -> "Tensor":
        return _binary(Remainder, self, other)

    def __rmod__(self, other: _Other) -> "Tensor":
        return _binary(Remainder, other, self)

    @override
    def __pow__(self, other: _Other) -> "Tensor":
        return _binary(Pow, self, other)

    @override
    def __rpow__(self, other: _Other) -> "Tensor":
        return _binary(Pow, other, self)

    @override
    def __matmul__(self, other: Value | Array) -> "Tensor":
        return _binary(Matmul, self, other)

    def __rmatmul__(self, other: Value | Array) -> "Tensor":
        return _binary(Matmul, other, self)

    @override
    def __neg__(self) -> "Tensor":
        return apply(Negative, self)

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> "Tensor":
        return apply(Abs, self)

    def __lt__(self, other: _Other) -> "Tensor":
        return _binary(Less, self, other)

    def __le__(self, other: _Other) -> "Tensor":
        return _binary(LessEqual, self, other)

    def __gt__(self, other: _Other) -> "Tensor":
        return _binary(Greater, self, other)

    def __ge__(self, other: _Other) -> "Tensor":
        return _binary(GreaterEqual, self, other)

    # Element-wise, as the array API standard has it; `object` promises a bool, which a symbolic tensor has not.
    @override
    def __eq__(self, other: _Other) -> "Tensor":  # pyright: ignore[reportIncompatibleMethodOverride] - see above
        return _binary(Equal, self, other)

    @override
    def __ne__(self, other: _Other) -> "Tensor":  # pyright: ignore[reportIncompatibleMethodOverride] - see above
        return _binary(NotEqual, self, other)

    __hash__ = object.__hash__

    def __and__(self, other: Value | Array | bool) -> "Tensor":
        return _binary(LogicalAnd, self, other)

    def __rand__(self, other: Array | bool) -> "Tensor":
        return _binary(LogicalAnd, other, self)

    def __or__(self, other: Value | Array | bool) -> "Tensor":
        return _binary(LogicalOr, self, other)

    def __ror__(self, other: Array | bool) -> "Tensor":
        return _binary(LogicalOr, other, self)

    def __xor__(self, other: Value | Array | bool) -> "Tensor":
        return _binary(LogicalXor, self, other)

    def __rxor__(self, other: Array | bool) -> "Tensor":
        return _binary(LogicalXor, other, self)

    def __invert__(self) -> "Tensor":
        return apply(LogicalNot, self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self} has no truth value: its elements are known only when the document runs. Use asg.where to choose "
            "by element, & and | in place of and and or, and `is` to ask whether two names are one tensor"
        )

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(f"{self} cannot be searched: its elements are known only when the document runs")

    def __array__(self, *_arguments: object, **_options: object) -> NoReturn:
        raise TypeError(
            f"{self} is symbolic and has no elements; make it an output of the graph and run the document to get them"
        )


def _no_length(tensor: Tensor) -> str:
    return f"its first axis is the symbol {tensor.shape[0]}" if tensor.shape else "it has no axis"


_OPERANDS = (Tensor, int, float, np.ndarray, np.generic, SymbolicDim)


def _binary(op: type[Op], x1: Any, x2: Any) -> Tensor:
    """`apply`, but leaving operands of other kinds to their own operators, as Python's protocol asks."""
    for operand in (x1, x2):
        if not isinstance(operand, _OPERANDS):
            return cast("Tensor", NotImplemented)
    return apply(op, x1, x2)


def apply(op: type[Op], *operands: TensorLike | Sequence[Any] | None, **attributes: Any) -> Tensor:
    """Append `op` to the graph of its operands and return its first result.

    Args:
        op: the op's class.
        operands: at least one is a tensor; a number or array beside it becomes a constant of the dtype that the op
            asks for there; None stands for an optional operand that is left out.
        attributes: the op's attributes by name.

    Raises:
        TypeError: an operand is neither a tensor nor a number nor an array, or does not convert to the needed dtype.
        DocumentError: the operands or the attributes break the op's rule.
    """
    return apply_all(op, *operands, **attributes)[0]


def apply_all(op: type[Op], *operands: TensorLike | Sequence[Any] | None, **attributes: Any) -> tuple[Tensor, ...]:
    """`apply`, for all results of an op that has several."""
    tensors = [operand for operand in operands if isinstance(operand, Tensor)]
    if not tensors:
        kinds = ", ".join(type(operand).__name__ for operand in operands) or "nothing"
        raise TypeError(f"{op.name} takes a Tensor, not {kinds}; asg.constant makes one of a number or an array")
    given: Sequence[Tensor | None] = tensors
    if len(tensors) != len(operands):
        given = [_lift(op, position, operands, tensors[0]) for position in range(len(operands))]
    return tensors[0].editor.emit(op, given, attributes)


def _lift(op: type[Op], position: int, operands: Sequence[Any], first: Tensor) -> Tensor | None:
    """The operand at `position` as a tensor; what is not one becomes a constant of the dtype that is needed there."""
    operand = operands[position]
    if operand is None or isinstance(operand, Tensor):
        return operand
    declared = op.operands[min(position, len(op.operands) - 1)]
    what = f"{op.name}: {declared.name}"
    if isinstance(operand, SymbolicDim):
        raise TypeError(f"{what} is the dim {operand}; asg.dim_size(x, axis=…) gives the size of an axis as a tensor")
    if not isinstance(operand, int | float | np.ndarray | np.generic | list | tuple):
        raise TypeError(f"{what} is a {type(operand).__name__}; a Tensor, a number or a NumPy array is needed")
    dtype = _needed_dtype(op, declared, operands, first)
    return embed_array(first.editor, operand, dtype, what)


def _needed_dtype(op: type[Op], declared: Operand, operands: Sequence[Any], first: Tensor) -> DType:
    last = len(op.operands) - 1
    for position, operand in enumerate(operands):
        if isinstance(operand, Tensor) and op.operands[min(position, last)].variable == declared.variable:
            return operand.dtype
    alone = {DTypeGroup.BOOL: DType.BOOL, DTypeGroup.INDEX: DType.INT64, DTypeGroup.UINT32: DType.UINT32}
    return alone.get(declared.dtypes, first.dtype)
