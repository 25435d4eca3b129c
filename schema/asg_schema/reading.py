"""Reading a document part by part, when it is not well-formed as a whole.

What is sound is kept and can be checked; what is not becomes a `Broken` part, which knows its problems and, as far as
they can be read, its id and the values that it refers to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from asg_schema.any_op import Function
from asg_schema.attributes import Name
from asg_schema.errors import MOST_PROBLEMS, DocumentError, Problem
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.parts import Input, Output, Parameter
from asg_schema.wire import json_pointer, nearest, show_value, validation_problems

__all__ = ["FORMAT_VERSION", "MOST_FUNCTIONS", "Broken", "Parts", "check_fields", "check_version", "read_parts"]

FORMAT_VERSION = 1

MOST_FUNCTIONS = 10_000
"""How many functions a document may have."""

_MOST_FIELDS = max(len(kind.model_fields) for kind in (Input, Parameter, Output, *OPS.values()))
_MOST_SURPLUS_FIELDS = 1000
_SECTIONS = ("inputs", "parameters", "nodes", "outputs")
_SECTIONS_OF_FUNCTIONS = ("inputs", "nodes", "outputs")

Part = TypeVar("Part", bound=BaseModel)


class Broken(NamedTuple):
    """A part that is not well-formed.

    Attributes:
        name: its id or, of an output, its name; None where that cannot be read.
        references: the values that it refers to, each with the pointer within the part at which it does.
        problems: what is wrong with it.
    """

    name: str | None
    references: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]


class Parts(NamedTuple):
    """What a document consists of, as far as it could be read; or a function that is not well-formed.

    Attributes:
        functions: by name; one that is not well-formed is `Parts` itself.
        whole: whether every section could be read as a list, so that a value that is not found does not exist.
        problems: what is wrong outside the sections.
    """

    inputs: Sequence[Input | Broken]
    parameters: Sequence[Parameter | Broken]
    nodes: Sequence[Op | Broken]
    outputs: Sequence[Output | Broken]
    functions: "Mapping[str, Function | Parts]" = MappingProxyType({})
    whole: bool = True
    problems: Sequence[Problem] = ()


class _Heading(BaseModel):
    """The fields of a document outside its sections."""

    model_config = ConfigDict(extra="forbid")

    asg: Annotated[int, Field(strict=True, ge=1, le=FORMAT_VERSION)]
    name: Name = "graph"
    metadata: dict[str, JsonValue] = {}


class _FunctionHeading(BaseModel):
    """The fields of a function outside its sections."""

    model_config = ConfigDict(extra="forbid")

    vjp: Name | None = None


_HEADING = TypeAdapter(_Heading)
_FUNCTION_HEADING = TypeAdapter(_FunctionHeading)
_NAME = TypeAdapter(Name)
_FIELDS = ("asg", "name", *_SECTIONS, "functions", "metadata")


def check_version(source: object) -> None:
    """Refuse what is no document of this reader's version, of which nothing more could be said.

    Raises:
        DocumentError: `source` is not an object, or has a newer version.
    """
    if not isinstance(source, dict):
        message = f"a document is a JSON object, not {show_value(source)}"
        raise DocumentError([Problem("", "invalid_value", message)])
    fields = cast("dict[str, object]", source)
    if "asg" not in fields:
        message = f'the field "asg", the version of the format, is missing; write "asg": {FORMAT_VERSION}'
        raise DocumentError([Problem("/asg", "missing_field", message)])
    version = fields["asg"]
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSION:
        shown = show_value(version)
        message = f"the document has format version {shown}; this reader knows versions up to {FORMAT_VERSION}"
        raise DocumentError([Problem("/asg", "newer_version", message)])


def check_fields(source: Mapping[str, Any]) -> None:
    """Refuse a document with a great many fields that cannot be any, each of which Pydantic would describe.

    Args:
        source: parsed JSON that `check_version` let pass.

    Raises:
        DocumentError: there are more than a thousand of them.
    """
    left = _MOST_SURPLUS_FIELDS - max(0, len(source) - len(_FIELDS))
    pointer = ""
    for place, part in _objects(source):
        if isinstance(part, dict):
            left -= _surplus(cast("dict[str, Any]", part))
        if left < 0:
            pointer = json_pointer(place)
            break
    if left < 0:
        message = f"the document has more than {_MOST_SURPLUS_FIELDS:,} fields that no document has"
        raise DocumentError([Problem(pointer, "unknown_field", message)])


def _objects(source: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """What should be the parts of a document, its functions among them and theirs, each with its place."""
    functions = source.get("functions")
    graphs: list[tuple[tuple[str, ...], Any]] = [((), source)]
    for name, item in cast("dict[str, Any]", functions).items() if isinstance(functions, dict) else ():
        yield ("functions", name), item
        graphs.append((("functions", name), item))
    for place, graph in graphs:
        for section in _SECTIONS if isinstance(graph, dict) else ():
            items = cast("dict[str, Any]", graph).get(section)
            for index, part in enumerate(cast("list[Any]", items) if isinstance(items, list | tuple) else ()):
                yield (*place, section, index), part


def _surplus(part: Mapping[str, Any]) -> int:
    """How many fields a part has at least that are none."""
    count = max(0, len(part) - _MOST_FIELDS)
    for name, value in part.items():
        if isinstance(value, dict) and len(cast("dict[str, Any]", value)) > _MOST_FIELDS:
            inner = cast("dict[str, Any]", value)
            count += sum(not isinstance(item, str) for item in inner.values()) if name == "metadata" else len(inner)
    return count


def read_parts(source: Mapping[str, Any]) -> Parts:
    """Read every part of a document by itself.

    Args:
        source: parsed JSON that `check_version` let pass.
    """
    problems: list[Problem] = []
    heading = {key: value for key, value in source.items() if key not in _SECTIONS and key != "functions"}
    try:
        _HEADING.validate_python(heading)
    except ValidationError as error:
        problems.extend(validation_problems(error, heading, fields=_FIELDS))
    reader = _Reader()
    lists = _lists(source, _SECTIONS, problems)
    functions = source.get("functions", {})
    if not isinstance(functions, Mapping):
        message = f"functions is {show_value(functions)}; an object is needed"
        problems.append(Problem("/functions", "invalid_value", message))
        functions = None
    return Parts(
        [reader.part(Input, "inputs", *item) for item in enumerate(lists.get("inputs", ()))],
        [reader.part(Parameter, "parameters", *item) for item in enumerate(lists.get("parameters", ()))],
        [reader.node(*item) for item in enumerate(lists.get("nodes", ()))],
        [reader.part(Output, "outputs", *item) for item in enumerate(lists.get("outputs", ()))],
        {} if functions is None else _functions(cast("Mapping[str, Any]", functions), reader, problems),
        whole=len(lists) == len(_SECTIONS) and functions is not None,
        problems=problems,
    )


def _lists(source: Mapping[str, Any], sections: Iterable[str], problems: list[Problem]) -> dict[str, list[Any]]:
    """The sections that are lists."""
    lists: dict[str, list[Any]] = {}
    for section in sections:
        items = source.get(section, [])
        if isinstance(items, list | tuple):
            lists[section] = list(cast("list[Any]", items))
        else:
            message = f"{section} is {show_value(items)}; a list is needed"
            problems.append(Problem(f"/{section}", "invalid_value", message))
    return lists


def _functions(source: Mapping[str, Any], reader: "_Reader", problems: list[Problem]) -> dict[str, Function | Parts]:
    """The functions of a document by name; those that are not well-formed part by part."""
    if len(source) > MOST_FUNCTIONS:
        message = f"functions has {len(source):,} entries; at most {MOST_FUNCTIONS:,} are allowed"
        problems.append(Problem("/functions", "invalid_value", message))
        return {}
    found: dict[str, Function | Parts] = {}
    for name, item in source.items():
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            problems.extend(validation_problems(error, name, ("functions", name), "functions: "))
        try:
            found[name] = Function.model_validate(item)
        except ValidationError as error:
            if isinstance(item, Mapping):
                found[name] = _function_parts(cast("Mapping[str, Any]", item), reader)
            else:
                found[name] = Parts((), (), (), (), whole=False, problems=validation_problems(error, item))
    return found


def _function_parts(source: Mapping[str, Any], reader: "_Reader") -> Parts:
    problems: list[Problem] = []
    heading = {key: value for key, value in source.items() if key not in _SECTIONS_OF_FUNCTIONS}
    try:
        _FUNCTION_HEADING.validate_python(heading)
    except ValidationError as error:
        problems.extend(validation_problems(error, heading, fields=Function.model_fields))
    lists = _lists(source, _SECTIONS_OF_FUNCTIONS, problems)
    for section in ("inputs", "outputs"):
        if section not in source:
            problems.append(Problem(f"/{section}", "missing_field", f'the field "{section}" is missing'))
        elif lists.get(section) == []:
            problems.append(Problem(f"/{section}", "invalid_value", f"{section}: at least 1 entry is needed"))
    return Parts(
        [reader.part(Input, "inputs", *item) for item in enumerate(lists.get("inputs", ()))],
        (),
        [reader.node(*item) for item in enumerate(lists.get("nodes", ()))],
        [reader.part(Output, "outputs", *item) for item in enumerate(lists.get("outputs", ()))],
        whole=len(lists) == len(_SECTIONS_OF_FUNCTIONS),
        problems=problems,
    )


class _Reader:
    """Reads parts. It looks for a name that may be meant only as long as the problem will be told."""

    def __init__(self) -> None:
        self._found = 0

    def part(self, kind: type[Part], section: str, index: int, source: Any) -> Part | Broken:
        try:
            return kind.model_validate(source)
        except ValidationError as error:
            name = _string(source, "name" if kind is Output else "id")
            owner = "" if name is None else f"{kind.__name__.lower()} {show_value(name)}: "
            problems = validation_problems(error, source, (section, index), owner, self._known(kind.model_fields))
            value = _string(source, "value") if kind is Output else None
            return self._broken(name, () if value is None else (("/value", value),), problems)

    def node(self, index: int, source: Any) -> Op | Broken:
        op, name = _string(source, "op"), _string(source, "id")
        kind = Op if op is None else OPS.get(op, Op)
        owner = "" if name is None else f"node {show_value(name)}{f' ({show_value(op)[1:-1]})' if op else ''}: "
        problems: list[Problem] = []
        fields: Any = source
        if kind is Op and isinstance(source, Mapping):
            problems.append(self._op_problem(cast("Mapping[str, Any]", source), op, owner, index))
            fields = {key: value for key, value in cast("Mapping[str, Any]", source).items() if key in Op.model_fields}
        try:
            node = kind.model_validate(fields)
            if not problems:
                return node
        except ValidationError as error:
            known = self._known(kind.model_fields)
            problems.extend(validation_problems(error, source, ("nodes", index), owner, known))
        inputs: Any = cast("Mapping[str, Any]", source).get("inputs") if isinstance(source, Mapping) else None
        listed = enumerate(cast("list[Any]", inputs)) if isinstance(inputs, list | tuple) else ()
        references = tuple((f"/inputs/{at}", item) for at, item in listed if isinstance(item, str))
        return self._broken(name, references, problems)

    def _op_problem(self, source: Mapping[str, Any], op: str | None, owner: str, index: int) -> Problem:
        where = f"/nodes/{index}/op"
        if op is not None:
            hint = nearest(op, self._known(OPS))
            return Problem(where, "unknown_op", f"{owner}there is no op {show_value(op)}{hint}")
        if "op" in source:
            return Problem(where, "invalid_value", f"{owner}op is {show_value(source['op'])}; an op's name is needed")
        return Problem(where, "missing_field", f'{owner}the field "op" is missing')

    def _known(self, names: Iterable[str]) -> Iterable[str]:
        return names if self._found < MOST_PROBLEMS else ()

    def _broken(self, name: str | None, references: tuple[tuple[str, str], ...], problems: Sequence[Problem]) -> Broken:
        self._found += len(problems)
        return Broken(name, references, tuple(problems))


def _string(source: Any, field: str) -> str | None:
    value = cast("Mapping[str, Any]", source).get(field) if isinstance(source, Mapping) else None
    return value if isinstance(value, str) else None
