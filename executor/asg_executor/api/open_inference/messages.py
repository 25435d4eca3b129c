"""The JSON part of an inference request."""

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, ClassVar, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from asg_executor.api.bodies import Body
from asg_executor.api.problems import ProblemError, refuse
from asg_schema.errors import Problem
from asg_schema.quick_json import NotPlainError, read_plain_json
from asg_schema.tensor_type import MOST_AXES
from asg_schema.wire import json_pointer, show_value

__all__ = ["InferRequest", "InputTensor", "RequestedOutput", "Wanted", "parse_request"]

_MICROSECONDS = 1e-6
_MOST_KNOWN = 256  # requests that are remembered
_LONGEST_KNOWN = 2_048  # bytes of JSON; it is read in 50 µs, and kept as tens of kilobytes


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class InputTensor(_Part):
    """An input: its elements stand in `data`, or behind the JSON where `binary_data_size` says how many bytes."""

    name: StrictStr
    shape: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(max_length=MOST_AXES)]
    datatype: StrictStr
    parameters: dict[str, Any] | None = None
    data: Any = Field(default=None, description="The elements, row-major: a flat or nested list.")


class RequestedOutput(_Part):
    """An output that is asked for; `binary_data` of its parameters says whether its elements follow the JSON."""

    name: StrictStr
    parameters: dict[str, Any] | None = None


class Wanted(NamedTuple):
    """What a request asks for, without its inputs.

    Attributes:
        id: what stands in the answer, too.
        outputs: the names of the outputs, in order; None for the default.
        binary: whether the elements of an output follow the JSON, by name.
        binary_default: whether those of all others do.
        timeout: in how many seconds the computation must have begun; None for any time.
    """

    id: str | None
    outputs: tuple[str, ...] | None
    binary: Mapping[str, bool]
    binary_default: bool
    timeout: float | None

    def is_binary(self, output: str) -> bool:
        """Whether the elements of an output follow the JSON."""
        return self.binary.get(output, self.binary_default)


class InferRequest(Body):
    """An inference request. Parameters that are not known here have no effect."""

    tensor_field: ClassVar[str] = "inputs"

    id: StrictStr | None = Field(default=None, description="It stands in the answer, too.")
    parameters: dict[str, Any] | None = Field(
        default=None,
        description="`binary_data_output`: whether all outputs follow the JSON; `timeout`: in how many microseconds "
        "the computation must have begun.",
    )
    inputs: list[InputTensor]
    outputs: list[RequestedOutput] | None = Field(default=None, description="Absent or empty: the default outputs.")

    @cached_property
    def wanted(self) -> Wanted:
        """What is asked for."""
        own = self.parameters or {}
        items = self.outputs or []
        default = bool(own.get("binary_data_output", False))
        return Wanted(
            self.id,
            tuple(item.name for item in items) or None,
            {item.name: bool((item.parameters or {}).get("binary_data", default)) for item in items},
            default,
            (own.get("timeout") or 0) * _MICROSECONDS or None,
        )


def parse_request(content: bytes) -> InferRequest:
    """Read the JSON of a request. NaN and Infinity may stand there as bare words.

    Raises:
        ProblemError: it cannot be read, or asks for what is not offered here.
    """
    return _parse_again(content) if len(content) <= _LONGEST_KNOWN else _parse(content)


def _parse(content: bytes) -> InferRequest:
    request = InferRequest.check(_source(content))
    problems = [*_request_problems(request.parameters or {})]
    for field, items in (("inputs", request.inputs), ("outputs", request.outputs or [])):
        names: set[str] = set()
        for index, item in enumerate(items):
            place = [field, index]
            if item.name in names:
                message = f"{field[:-1]} {show_value(item.name)} stands there twice"
                problems.append(Problem(json_pointer([*place, "name"]), "duplicate_name", message))
            names.add(item.name)
            problems += _tensor_problems(item.parameters or {}, place)
    refuse("invalid_request", problems)
    return request


def _source(content: bytes) -> Any:
    try:
        return read_plain_json(content)
    except NotPlainError:
        pass  # it has NaN, or something that a message has to tell of
    try:
        return json.loads(content, object_pairs_hook=_unique_keys)
    except UnicodeDecodeError as error:
        raise _invalid(f"the JSON is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    except json.JSONDecodeError as error:
        raise _invalid(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _invalid("the JSON is nested too deep") from None
    except ValueError as error:
        raise _invalid(str(error)) from None


# A client whose tensors are behind the JSON sends the same JSON again and again.
_parse_again = lru_cache(_MOST_KNOWN)(_parse)


def _invalid(reason: str) -> ProblemError:
    return ProblemError("invalid_body", reason, problems=[Problem("", "invalid_json", reason)])


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"not valid JSON: the key {show_value(twice)} stands twice in one object")
    return result


def _request_problems(parameters: dict[str, Any]) -> list[Problem]:
    problems: list[Problem] = []

    def report(name: str, message: str) -> None:
        problems.append(Problem(json_pointer(["parameters", name]), "not_supported", message))

    if parameters.get("sequence_id") not in (None, 0, ""):
        report(
            "sequence_id", "a model keeps nothing between requests, so there are no sequences; leave sequence_id out"
        )
    if parameters.get("priority") not in (None, 0):
        report("priority", "requests have no priorities: they are answered in the order in which they come")
    timeout = parameters.get("timeout")
    if timeout is not None and (type(timeout) is not int or timeout < 0):
        report("timeout", f"the timeout is {show_value(timeout)}; an integer of at least 0, in microseconds, is needed")
    return problems + _flag_problems(parameters, ["parameters"], "binary_data_output")


def _tensor_problems(parameters: dict[str, Any], place: list[str | int]) -> list[Problem]:
    problems = _flag_problems(parameters, [*place, "parameters"], "binary_data")
    if parameters.get("classification"):
        message = "class labels are not computed here; leave classification out, and take argmax or sort of the output"
        problems.append(Problem(json_pointer([*place, "parameters", "classification"]), "not_supported", message))
    if "shared_memory_region" in parameters:
        message = "shared memory is not used here; send the tensor as binary data"
        problems.append(Problem(json_pointer([*place, "parameters", "shared_memory_region"]), "not_supported", message))
    return problems


def _flag_problems(parameters: dict[str, Any], place: list[Any], name: str) -> list[Problem]:
    value = parameters.get(name, False)
    if isinstance(value, bool):
        return []
    message = f"{name} is {show_value(value)}; true or false is needed"
    return [Problem(json_pointer([*cast("list[str | int]", place), name]), "invalid_value", message)]
