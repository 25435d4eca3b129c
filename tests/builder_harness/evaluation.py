"""Building a graph from arrays and running it in the process."""

from collections.abc import Callable
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

import asg_builder as asg
import asg_executor
from asg_builder.arrays import dtype_of

__all__ = ["Array", "evaluate"]

Array = npt.NDArray[Any]


Result: TypeAlias = asg.Tensor | list[asg.Tensor]


@overload
def evaluate(function: Callable[[asg.Tensor], Result], a: Array, /, *, symbolic: bool = False) -> list[Array]: ...
@overload
def evaluate(
    function: Callable[[asg.Tensor, asg.Tensor], Result], a: Array, b: Array, /, *, symbolic: bool = False
) -> list[Array]: ...
@overload
def evaluate(
    function: Callable[[asg.Tensor, asg.Tensor, asg.Tensor], Result],
    a: Array,
    b: Array,
    c: Array,
    /,
    *,
    symbolic: bool = False,
) -> list[Array]: ...
def evaluate(function: Callable[..., Result], *arrays: Array, symbolic: bool = False) -> list[Array]:
    """What `function` of tensors gives for these arrays.

    Args:
        function: from tensors to one or several.
        arrays: the values of its tensors.
        symbolic: whether the tensors are built with a symbol in place of every dim.

    Returns:
        Its results. The document goes through JSON before it runs.
    """
    with asg.graph("evaluate") as g:
        tensors: list[asg.Tensor] = []
        for index, array in enumerate(arrays):
            shape = [f"d{index}_{axis}" for axis in range(array.ndim)] if symbolic else array.shape
            tensors.append(asg.input(f"x{index}", shape, dtype_of(array)))
        results = function(*tensors)
        listed = results if isinstance(results, list) else [results]
        for index, result in enumerate(listed):
            g.output(**{f"y{index}": result})
    document = asg.Document.from_json(g.document().to_json())
    assert document.digest == g.document().digest
    outputs = asg_executor.run(document, {f"x{index}": array for index, array in enumerate(arrays)})
    answers = [outputs[f"y{index}"] for index in range(len(listed))]
    for answer, result in zip(answers, listed, strict=True):
        assert dtype_of(np.asarray(answer)) is result.dtype
    return answers
