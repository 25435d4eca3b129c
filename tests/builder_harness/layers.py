"""Running a layer for given or random parameters."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import asg_builder as asg
import asg_executor
from asg_builder.arrays import dtype_of

__all__ = ["run_layer"]

_KEY = np.array([1, 2], np.uint32)


def run_layer(
    layer: Callable[..., asg.Tensor],
    *operands: Any,
    parameters: Mapping[str, Any] | None = None,
    symbolic: bool = False,
    seed: int = 7,
) -> tuple[Any, dict[str, Any]]:
    """The result of a layer, and the parameters by the end of their names, the root module's left out.

    Args:
        layer: a module, or a function that calls one.
        operands: the values of its operands.
        parameters: values for some; the others are random.
        symbolic: whether the operands are declared with a symbol for every axis but the last.
        seed: of the random values.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(value) for value in operands]
    with asg.graph() as g:
        tensors: list[asg.Tensor] = []
        for index, array in enumerate(arrays):
            leading = [f"d{axis}" if symbolic else size for axis, size in enumerate(array.shape[:-1])]
            tensors.append(asg.input(f"x{index}", (*leading, *array.shape[-1:]), dtype_of(array)))
        g.output(y=layer(*tensors))
    values: dict[str, Any] = {}
    for item in g.parameters:
        given = (parameters or {}).get(item.id.partition(".")[2])
        values[item.id] = rng.standard_normal(item.shape).astype(item.dtype.value) if given is None else given
    inputs = {f"x{index}": array for index, array in enumerate(arrays)}
    if any(item.id == "rng_key" for item in g.inputs):
        inputs["rng_key"] = _KEY
    y = asg_executor.run(g.document(), inputs, values)["y"]
    return y, {name.partition(".")[2]: value for name, value in values.items()}
