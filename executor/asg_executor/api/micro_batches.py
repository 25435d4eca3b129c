"""Micro-batches in bodies: in JSON a list of tensors by name, in safetensors one set of tensors under numbered names.

`{"micro_batches": [{"x": …}, {"x": …}]}` is, in safetensors, the tensors `0/x` and `1/x` with `"micro_batches": "2"` in
the metadata. Answers are written alike.
"""

from collections.abc import Mapping, Sequence, Sized
from operator import itemgetter
from typing import Any, cast

from starlette.responses import Response

from asg_executor.api.bodies import encoded_response, tensor_response
from asg_executor.api.json_tensors import encode_tensor
from asg_executor.api.media_types import JSON
from asg_executor.api.problems import refuse
from asg_executor.plan.arrays import Array
from asg_executor.sessions.step_request import joined
from asg_schema.errors import Problem
from asg_schema.wire import json_pointer, show_value

__all__ = ["FIELD", "micro_batch_response", "separated", "too_many_entries"]

FIELD = "micro_batches"
"""The name of the field, in requests and answers."""

_MOST = 100_000


def separated(count: Any, tensors: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The tensors of each part.

    Args:
        count: the number of parts, as the metadata has it.
        tensors: the tensors under the names that `joined` gives them.

    Raises:
        ProblemError: the number is none, or a name begins with no number below it.
    """
    if type(count) is not int or not 0 <= count <= _MOST:
        message = f"in safetensors {FIELD} is the number of micro-batches, at most {_MOST}, not {show_value(count)}"
        refuse("invalid_request", [Problem(f"/{FIELD}", "invalid_value", message)])
    parts: list[dict[str, Array]] = [{} for _ in range(count)]
    problems: list[Problem] = []
    numbers = {str(number): number for number in range(count)}
    for name, array in sorted(tensors.items(), key=itemgetter(0)):  # the library gives them in no certain order
        number, slash, rest = name.partition("/")
        if slash and number in numbers:
            parts[numbers[number]][rest] = array
        else:
            message = (
                f"the tensor {show_value(name)} belongs to no micro-batch; a name such as 0/x, with a number below "
                f"{count}, is needed"
            )
            problems.append(Problem(json_pointer([FIELD, name]), "unknown_name", message))
    refuse("invalid_request", problems)
    return parts


def too_many_entries(parts: Any) -> list[Problem]:
    """A problem where the micro-batches of a body that was not checked yet have too many entries in all."""
    if not isinstance(parts, list):
        return []
    total = sum(len(cast("Sized", part)) for part in cast("list[Any]", parts) if isinstance(part, dict))
    if total <= _MOST:
        return []
    message = f"the micro-batches have {total} entries in all; at most {_MOST} may be"
    return [Problem(f"/{FIELD}", "too_long", message)]


def micro_batch_response(
    parts: Sequence[Mapping[str, Array]], media_type: str, others: Mapping[str, Any], headers: Mapping[str, str] | None
) -> Response:
    """A response that holds the outputs of each part.

    Args:
        parts: the outputs of each part, by name.
        media_type: `JSON` or `SAFETENSORS`.
        others: further fields.
        headers: further headers.
    """
    if media_type == JSON:
        encoded = [{name: encode_tensor(array) for name, array in part.items()} for part in parts]
        return encoded_response(FIELD, encoded, others, {**(headers or {}), "Vary": "Accept"})
    return tensor_response("outputs", joined(parts), media_type, {**others, FIELD: len(parts)}, headers)
