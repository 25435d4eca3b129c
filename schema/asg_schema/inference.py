"""Type inference: the dtype and shape of every value, or what is wrong with a node, said with names and types."""

import re
from collections.abc import Mapping, Sequence

from asg_schema.errors import DocumentError, Problem, RuleError
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

__all__ = ["Inference", "infer_node", "infer_or_raise", "type_problem"]

_PLACE = re.compile(r"\{(\d+)\}")


def infer_node(node: Op, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """The types of a node's results, given the types of its operands.

    Raises:
        RuleError: the number, dtypes or shapes of the operands, or the attributes, break the op's rule.
    """
    declared = node.operands
    if len(operands) != len(declared):
        _check_arity(node, len(operands))
    _check_dtypes(node, operands)
    results = node.infer(operands)
    for result in results:
        if (excess := result.excess) is not None:
            raise RuleError(f"the result would have {excess}")
    return results


class Inference:
    """`infer_node` for the nodes of one graph, with a memory.

    Long graphs apply the same ops to the same types again and again. Ops with attributes are left out, but for those
    with one number: equal attributes may mean different things, as 1 and `true` do.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[TensorType, ...]] = {}

    def __call__(self, node: Op, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The types of a node's results, given the types of its operands.

        Raises:
            RuleError: the number, dtypes or shapes of the operands, or the attributes, break the op's rule.
        """
        kind = type(node)
        key: tuple[object, ...] = (kind, *operands)
        if kind.attributes:
            number = getattr(node, kind.attributes[0])
            if type(number) is not float or len(kind.attributes) > 1:
                return infer_node(node, operands)
            key = (*key, number)
        results = self._known.get(key)
        if results is None:
            results = self._known[key] = infer_node(node, operands)
        return results


def _check_arity(node: Op, given: int) -> None:
    declared = node.operands
    least = sum(not operand.optional for operand in declared)
    most = None if declared and declared[-1].variadic else len(declared)
    if given >= least and (most is None or given <= most):
        return
    names = ", ".join(operand.name + ("…" if operand.variadic else "") for operand in declared) or "none"
    wanted = f"at least {least}" if most is None else (f"{least}" if least == most else f"{least} to {most}")
    noun = "operand" if wanted in ("1", "at least 1") else "operands"
    raise RuleError(f"takes {wanted} {noun} ({names}), not {given}", field="inputs")


_ACCEPTED: set[tuple[object, ...]] = set()
"""An op with dtypes that it accepts, for the few operands that almost all nodes have."""


def _check_dtypes(node: Op, operands: Sequence[TensorType]) -> None:
    combination = (type(node), *[operand[0] for operand in operands])
    if combination in _ACCEPTED:
        return
    _check_each_dtype(node, operands)
    if len(operands) <= 4:
        _ACCEPTED.add(combination)


def _check_each_dtype(node: Op, operands: Sequence[TensorType]) -> None:
    declared = node.operands
    variables: dict[str, int] = {}
    last = len(declared) - 1
    for index, operand in enumerate(operands):
        expected = declared[index if index < last else last]
        dtype = operand.dtype
        if dtype not in expected.dtypes.value:
            raise RuleError(
                f"{{{index}}} ({expected.name}) has dtype {dtype.value}; {expected.dtypes.description} is needed there",
                operand=index,
            )
        first = variables.setdefault(expected.variable, index) if expected.variable else index
        if first != index and operands[first].dtype is not dtype:
            raise RuleError(
                f"{{{first}}} and {{{index}}} differ in dtype; both must have one (write an astype)", operand=index
            )


def type_problem(error: RuleError, node: Op, pointer: str, types: Mapping[str, TensorType]) -> Problem:
    """The problem that a broken rule is, with the operands' names and types in its message.

    Args:
        error: what the op's rule said.
        node: the node.
        pointer: where the node stands in its document.
        types: the types of the values before it.
    """
    where = pointer
    if error.operand is not None:
        where = f"{pointer}/inputs/{error.operand}"
    elif error.field is not None:
        where = f"{pointer}/{error.field}"

    def named(place: re.Match[str]) -> str:
        index = int(place[1])
        if index >= len(node.inputs):
            return place[0]
        return f'"{node.inputs[index]}" {types[node.inputs[index]]}'

    message = _PLACE.sub(named, error.message)
    return Problem(where, "type_mismatch", f'node "{node.id}" ({node.name}): {message}')


def infer_or_raise(node: Op, pointer: str, types: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
    """`infer_node` with operands looked up in `types`.

    Raises:
        DocumentError: with the one problem of this node.
    """
    try:
        return infer_node(node, [types[reference] for reference in node.inputs])
    except RuleError as error:
        raise DocumentError([type_problem(error, node, pointer, types)]) from None
