"""Arrays as JSON, with the fewest digits that are read back as the same number."""

import math
from typing import Any

import numpy as np

from op_samples.sample import Array, dtype_of

__all__ = ["tensor_json"]


def tensor_json(array: Array) -> dict[str, Any]:
    """An array as `{"dtype", "shape", "data"}`."""
    dtype = dtype_of(array)
    flat = array.reshape(-1)
    data = [_number(element) for element in flat] if dtype.is_floating else flat.tolist()
    return {"dtype": dtype.value, "shape": list(array.shape), "data": data}


def _number(element: Any) -> float | str:
    value = float(element)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    short = float(str(element))
    return short if type(element)(short) == element and np.isfinite(type(element)(short)) else value
