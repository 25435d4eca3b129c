"""The inputs of a graph as arrays, with the random keys that were left out."""

from collections.abc import Mapping
from typing import Any

from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import check_names
from asg_executor.plan.coercion import as_array
from asg_executor.sessions.random_keys import step_key
from asg_executor.sessions.selection import rng_key_inputs
from asg_schema.document import Document

__all__ = ["input_arrays"]


def input_arrays(
    document: Document, inputs: Mapping[str, Any], seed: int, step: int, part: int = 0
) -> dict[str, Array]:
    """The inputs that were given as arrays, and the random keys that were not.

    Args:
        document: the graph.
        inputs: values by input id; arrays have the declared dtype and shape, Python numbers and lists take the
            declared dtype. Some may be left out.
        seed: the session's, which random keys come from.
        step: the number of the step; 0 outside the steps.
        part: the number of the step's micro-batch, each of which has keys of its own.

    Raises:
        InterfaceError: there is no such input, or a value does not fit.
    """
    types = {item.id: item.type for item in document.inputs}
    check_names("input", [*types, *inputs], types)  # some may be left out; no other may be there
    arrays = {name: as_array(name, value, types[name]) for name, value in inputs.items()}
    keys = rng_key_inputs(document)
    for index, name in enumerate(keys, start=part * len(keys)):
        if name not in arrays:
            arrays[name] = step_key(seed, step, index)
    return arrays
