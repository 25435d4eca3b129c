"""The interface of a function: what it takes and answers, and whether its `vjp` fits it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from asg_schema.dims import symbols_of
from asg_schema.errors import Problem
from asg_schema.function import symbol_name
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest, show_value

if TYPE_CHECKING:
    from asg_schema.any_op import Function

__all__ = ["interface_problems", "vjp_inputs", "vjp_outputs"]


def vjp_inputs(inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> list[TensorType]:
    """What the `vjp` of a function takes: its inputs, its outputs, and a cotangent for each floating-point output.

    Args:
        inputs: the types of the function's inputs.
        outputs: the types of its outputs.
    """
    return [*inputs, *outputs, *vjp_outputs(outputs)]


def vjp_outputs(inputs: Iterable[TensorType]) -> list[TensorType]:
    """What the `vjp` of a function answers: a cotangent for each floating-point input."""
    return [type for type in inputs if type.dtype.is_floating]


def interface_problems(
    function: "Function",
    types: Mapping[str, TensorType],
    functions: "Mapping[str, Function]",
    results: Mapping[str, Sequence[TensorType]],
) -> list[Problem]:
    """What is wrong with the interface of a function whose graph is sound.

    Args:
        function: the function.
        types: the types of its values.
        functions: all functions by name.
        results: the types of the outputs of those that were found sound before it.
    """
    problems = [
        Problem(f"/{section}/{index}/role", "invalid_value", "what a function takes and answers has no role")
        for section, items in (("inputs", function.inputs), ("outputs", function.outputs))
        for index, item in enumerate(items)
        if item.role is not None
    ]
    alone = {symbol_name(dim) for item in function.inputs for dim in item.shape}
    for index, item in enumerate(function.inputs):
        for name in sorted({name for dim in item.shape for name in symbols_of(dim)} - alone):
            message = f'no input has the symbol "{name}" as an axis of its own, so that a call cannot tell what it is'
            problems.append(Problem(f"/inputs/{index}/shape", "unknown_symbol", message))
    if function.vjp is None:
        return problems
    if function.vjp not in functions:
        hint = nearest(function.vjp, functions)
        problems.append(Problem("/vjp", "unknown_value", f"there is no function {show_value(function.vjp)}{hint}"))
    elif function.vjp in results:
        taken = [item.type for item in functions[function.vjp].inputs]
        inputs, outputs = [item.type for item in function.inputs], [types[item.value] for item in function.outputs]
        problems += _differences("takes", taken, vjp_inputs(inputs, outputs), function.vjp)
        problems += _differences("answers", results[function.vjp], vjp_outputs(inputs), function.vjp)
    return problems


def _differences(verb: str, found: Sequence[TensorType], needed: Sequence[TensorType], name: str) -> list[Problem]:
    if list(found) == list(needed):
        return []
    message = f'its vjp "{name}" {verb} ({_listed(found)}), and ({_listed(needed)}) is needed: '
    message += (
        "its inputs, its outputs, and a cotangent for each floating-point output"
        if verb == "takes"
        else "a cotangent for each floating-point input"
    )
    return [Problem("/vjp", "type_mismatch", message)]


def _listed(types: Iterable[TensorType]) -> str:
    return ", ".join(map(str, types))
