"""Array dtypes: between the format's names and NumPy's."""

from typing import Any, TypeAlias, cast

import ml_dtypes
import numpy as np

from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["Array", "array_type", "concrete_shape", "dtype_of", "numpy_dtype", "stored_elements"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""An array of any shape and dtype."""

_NUMPY: dict[DType, np.dtype[Any]] = {
    dtype: np.dtype(ml_dtypes.bfloat16) if dtype is DType.BFLOAT16 else np.dtype(dtype.value) for dtype in DType
}
_FORMAT = {dtype: name for name, dtype in _NUMPY.items()}


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """NumPy's dtype for one of the format's; bfloat16 is that of ml_dtypes."""
    return _NUMPY[dtype]


def dtype_of(array: Array) -> DType | None:
    """The format's dtype of an array in native byte order; None where the format has none for it."""
    return _FORMAT.get(array.dtype)


def array_type(array: Array) -> str:
    """The dtype and shape of an array, written as the format writes types."""
    dtype = dtype_of(array)
    if dtype is None:
        return f"{array.dtype}{list(array.shape)}"
    return str(TensorType(dtype, array.shape))


def concrete_shape(type: TensorType) -> tuple[int, ...]:
    """The shape of a type without symbols."""
    return cast("tuple[int, ...]", type.shape)


def stored_elements(array: Array) -> Array:
    """An array without its repetitions: axes of stride 0 get size 1."""
    return array[(*(slice(1) if stride == 0 else slice(None) for stride in array.strides), ...)]
