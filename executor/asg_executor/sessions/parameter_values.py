"""Values of parameters as they come in and go out, by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols, check_names
from asg_executor.plan.coercion import as_array
from asg_schema.document import Parameter

__all__ = ["as_declared", "checked_values"]


def checked_values(declared: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Array]:
    """New values of parameters as arrays, each of them found to fit.

    Args:
        declared: the declarations of all parameters.
        values: the new values of some; floats may be of another width.

    Raises:
        InterfaceError: a name is unknown, or a value has another kind of dtype or another shape.
    """
    check_names("parameter", [*declared, *values], declared)  # some may be left out; no other may be there
    arrays = {name: as_array(name, value, declared[name].type) for name, value in values.items()}
    bind_symbols({name: declared[name].type for name in arrays}, arrays)
    return arrays


def as_declared(declared: Mapping[str, Parameter], values: Mapping[str, Array]) -> dict[str, Array]:
    """Copies of values in the dtypes of their declarations: master weights are rounded."""
    with np.errstate(over="ignore"):  # one may be beyond float16
        return {name: value.astype(numpy_dtype(declared[name].dtype)) for name, value in values.items()}
