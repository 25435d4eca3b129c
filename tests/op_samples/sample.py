"""`Sample`: one application of an op, with operands, attributes and an independent reference."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias, cast

import ml_dtypes
import numpy as np
import numpy.typing as npt

from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from asg_schema.op import DTypeGroup, Op, Operand

Array: TypeAlias = npt.NDArray[Any]
Results: TypeAlias = Array | tuple[Array, ...]
Reference: TypeAlias = (
    Callable[[], Results]
    | Callable[[Any], Results]
    | Callable[[Any, Any], Results]
    | Callable[[Any, Any, Any], Results]
    | Callable[[Any, Any, Any, Any], Results]
)
ElementFunction: TypeAlias = Callable[[Any], Any] | Callable[[Any, Any], Any] | Callable[[Any, Any, Any], Any]

_ARRAY_DTYPES: dict[DType, np.dtype[Any]] = {
    dtype: np.dtype(ml_dtypes.bfloat16 if dtype is DType.BFLOAT16 else dtype.value) for dtype in DType
}
_DTYPES = {array_dtype: dtype for dtype, array_dtype in _ARRAY_DTYPES.items()}


@dataclass(frozen=True)
class Sample:
    """One application of an op.

    Attributes:
        id: unique among all samples: the op's name, a dot, and what the sample is about.
        op: the op.
        operands: the arrays it is applied to; floating-point ones are float64 unless the sample is about another dtype.
        attributes: the node's attributes.
        reference: the result as a formula over the operands, written without what a kernel would use.
        differentiable: whether finite differences make sense at these operands: the op is smooth there.
        of_its_dtype: whether the result is one of the operands' dtype alone, such as a draw of as many bits, so that
            the operands in a narrower dtype are another sample.
    """

    id: str
    op: type[Op]
    operands: tuple[Array, ...]
    attributes: Mapping[str, Any]
    reference: Reference
    differentiable: bool = True
    of_its_dtype: bool = False

    def expected(self) -> tuple[Array, ...]:
        """The reference's results; what it computed in extended precision is rounded to float64."""
        results = cast("Callable[..., Results]", self.reference)(*self.operands)
        results = results if isinstance(results, tuple) else (results,)
        return tuple(
            np.asarray(result, np.float64 if result.dtype == np.longdouble else None)
            for result in map(np.asarray, results)
        )

    def differentiable_operands(self) -> list[int]:
        """The operands by which finite differences make sense here."""
        if not self.differentiable:
            return []
        return [
            index
            for index, operand in enumerate(self.operands)
            if declared_operand(self.op, index).differentiable and operand.dtype == np.float64
        ]

    def in_dtype(self, dtype: DType) -> "Sample | None":
        """The sample with its float64 operands rounded to `dtype`, or None where that is another sample.

        The reference is computed from the rounded operands in float64, and its float64 results are rounded.
        """
        floating = [operand.dtype == np.float64 for operand in self.operands]
        if not any(floating) or "dtype" in self.op.attributes or self.of_its_dtype:
            return None
        target = array_dtype(dtype)

        def reference(*operands: Array) -> tuple[Array, ...]:
            widened = [
                operand.astype(np.float64) if is_float else operand
                for operand, is_float in zip(operands, floating, strict=True)
            ]
            exact = replace(self, operands=tuple(widened)).expected()
            return tuple(rounded(result, target) for result in exact)

        narrowed = tuple(rounded(operand, target) for operand in self.operands)
        return replace(self, id=f"{self.id}.{dtype.value}", operands=narrowed, reference=reference)


def rounded(array: Array, dtype: np.dtype[Any]) -> Array:
    """A float64 array rounded to a narrower dtype; an array of another dtype as it is."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore", under="ignore"):  # what is too large is inf in the narrower dtype
        return array.astype(dtype)


def declared_operand(op: type[Op], index: int) -> Operand:
    """The declaration of an op's operand by its place; a variadic one stands for all that follow."""
    return op.operands[min(index, len(op.operands) - 1)]


def is_random_key(op: type[Op], index: int) -> bool:
    """Whether an op's operand is a key of random numbers, uint32[2]."""
    return declared_operand(op, index).dtypes is DTypeGroup.UINT32


def array_dtype(dtype: DType) -> np.dtype[Any]:
    """NumPy's dtype for one of the format's."""
    return _ARRAY_DTYPES[dtype]


def dtype_of(array: Array) -> DType:
    """The format's dtype for an array's."""
    return _DTYPES[array.dtype]


def sample_document(sample: Sample) -> Document:
    """The document that applies the op to inputs `x0`, `x1`, …; its outputs are `y0`, `y1`, …."""
    editor = Editor()
    operands = [
        editor.add_input(Input(id=f"x{index}", dtype=dtype_of(operand), shape=operand.shape))
        for index, operand in enumerate(sample.operands)
    ]
    results = editor.emit(sample.op, operands, dict(sample.attributes), id="result")
    for index, result in enumerate(results):
        editor.add_output(Output(name=f"y{index}", value=result.id))
    return editor.document(sample.id)


def sample_inputs(sample: Sample) -> dict[str, Array]:
    """The operands under the names of the document's inputs."""
    return {f"x{index}": operand for index, operand in enumerate(sample.operands)}


def floats(*values: float) -> Array:
    """A float64 vector."""
    return np.array(values, np.float64)


def spread(*shape: int, low: float = -2.0, high: float = 2.0) -> Array:
    """Distinct float64 values between `low` and `high` in a fixed irregular order, none at a round number."""
    size = math.prod(shape)
    stride = next(stride for stride in (7, 5, 11) if math.gcd(stride, size or 1) == 1)
    order = [(index * stride + 3) % size for index in range(size)]
    values = [low + (high - low) * (position + 0.4142) / size for position in order]
    return np.array(values, np.float64).reshape(shape)


def expecting(*values: Any, dtype: npt.DTypeLike = np.float64) -> Reference:
    """A reference that is a vector written out: for edges, where the definition says what comes out."""

    def reference(*operands: Array) -> Array:
        return np.array(values, dtype)

    return reference


def by_element(function: ElementFunction, dtype: npt.DTypeLike | None = None) -> Reference:
    """A reference that applies a Python function to the elements of the broadcast operands, one by one."""
    apply = cast("Callable[..., Any]", function)

    def reference(*operands: Array) -> Array:
        broadcast = np.broadcast_arrays(*operands)
        result = np.empty(broadcast[0].shape, operands[-1].dtype if dtype is None else dtype)
        for index in indices_of(result.shape):
            result[index] = apply(*(operand[index].item() for operand in broadcast))
        return result

    return reference


def indices_of(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Every index into an array of this shape, in row-major order."""
    return list(product(*map(range, shape)))
