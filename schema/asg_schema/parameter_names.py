"""Which tensor of a file of weights is which parameter, by names such as those of a PyTorch state dict."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from asg_schema.dims import Dim, format_shape
from asg_schema.errors import MOST_PROBLEMS, AsgError
from asg_schema.tensor_type import TensorType
from asg_schema.wire import nearest

__all__ = ["ParameterNames", "Prefix", "match_parameters", "rename"]

Prefix: TypeAlias = str | Mapping[str, str]
"""How names of a file become names of parameters: a text that is put before each, or a mapping from beginnings of names
to what takes their place, the longest that fits; `""` fits every name."""


class ParameterNames(NamedTuple):
    """How the tensors of a file and parameters belong together.

    Attributes:
        sources: for each parameter that the file has, the name of the tensor.
        missing: parameters that the file does not have.
        unexpected: the file's names of tensors that are no parameters.
        second_names: for each tensor that repeats one of `sources`, such as a tied weight under its other name, the
            parameter.
    """

    sources: dict[str, str]
    missing: list[str]
    unexpected: list[str]
    second_names: dict[str, str]


def rename(name: str, prefix: Prefix) -> str:
    """The name of the parameter that a file calls `name`."""
    if isinstance(prefix, str):
        return prefix + name
    begin = max((key for key in prefix if name.startswith(key)), key=len, default=None)
    return name if begin is None else prefix[begin] + name[len(begin) :]


def match_parameters(
    declared: Mapping[str, TensorType],
    given: Mapping[str, Sequence[int]],
    *,
    source: str,
    content: Callable[[str], bytes],
    metadata: Mapping[str, str],
    prefix: Prefix = "",
    may_be_missing: bool = False,
    may_be_unexpected: bool = False,
) -> ParameterNames:
    """Find each parameter in a file.

    PyTorch names a tied weight once for each place, a document once. So a tensor that repeats another is no fault, but
    for those of one and the same number, such as a bias of zeros; and a file that `safetensors.torch.save_model` wrote
    has such a weight once, and in its metadata for each other name the one that it has.

    Args:
        declared: the parameters by name.
        given: the shapes of the file's tensors by name.
        source: what the file is called, for errors.
        content: the elements of a tensor of the file, by its name.
        metadata: the file's metadata.
        prefix: how the file's names become names of parameters.
        may_be_missing: whether the file may leave parameters out.
        may_be_unexpected: whether the file may have tensors that are no parameters.

    Raises:
        AsgError: a tensor has another shape than its parameter, two that differ are one parameter, or names are missing
            or unexpected that may not be: all of it at once.
    """
    sources, left = _sources(declared, given, metadata, prefix)
    second_names = _second_names(sources, left, given, content)
    left = [name for name in left if name not in second_names]
    unexpected = [name for name in left if rename(name, prefix) not in sources]
    problems = [
        problem
        for parameter, name in sources.items()
        for problem in _shape_problem(name, given[name], parameter, declared[parameter].shape)
    ]
    for name in left:
        first = sources.get(parameter := rename(name, prefix))
        if first is not None:
            problems.append(f'"{first}" and "{name}" are both the parameter "{parameter}"; leave one out')
    missing = [name for name in declared if name not in sources]
    if not may_be_unexpected:
        problems += [f'"{name}" is no parameter{_hint(name, prefix, missing)}' for name in unexpected]
    if not may_be_missing:
        names = [rename(name, prefix) for name in unexpected]
        problems += [f'the parameter "{name}" {declared[name]} is missing{nearest(name, names)}' for name in missing]
    if problems:
        raise AsgError(_summary(source, problems, _prefix_hint(declared, unexpected, prefix)))
    return ParameterNames(sources, missing, unexpected, second_names)


def _sources(
    declared: Mapping[str, TensorType], given: Collection[str], metadata: Mapping[str, str], prefix: Prefix
) -> tuple[dict[str, str], list[str]]:
    """The tensor that is each parameter, and the names of tensors that are none."""
    sources: dict[str, str] = {}
    left: list[str] = []
    for name in given:
        parameter = rename(name, prefix)
        if parameter in declared and parameter not in sources:
            sources[parameter] = name
        else:
            left.append(name)
    used: set[str] = set()
    for other, name in metadata.items():
        parameter = rename(other, prefix)
        if name in given and parameter in declared and parameter not in sources:
            sources[parameter] = name
            used.add(name)
    return sources, [name for name in left if name not in used]


def _second_names(
    sources: Mapping[str, str],
    names: Sequence[str],
    given: Mapping[str, Sequence[int]],
    content: Callable[[str], bytes],
) -> dict[str, str]:
    """Of these names of tensors those that repeat a parameter's, and the parameter."""
    shapes = {tuple(given[name]) for name in names}
    held: dict[tuple[tuple[int, ...], bytes], str] = {}
    for parameter, source in sources.items():
        shape = tuple(given[source])
        if shape in shapes:
            held.setdefault((shape, sha256(content(source)).digest()), parameter)
    found: dict[str, str] = {}
    for name in names:
        shape, elements = tuple(given[name]), content(name)
        count = math.prod(shape)
        uniform = elements == elements[: len(elements) // max(count, 1)] * count
        twin = None if uniform else held.get((shape, sha256(elements).digest()))
        if twin is not None:
            found[name] = twin
    return found


def _shape_problem(name: str, shape: Sequence[int], parameter: str, wanted: Sequence[Dim]) -> list[str]:
    if tuple(shape) == tuple(wanted):
        return []
    as_parameter = "" if name == parameter else f', the parameter "{parameter}",'
    return [f'"{name}"{as_parameter} has the shape {format_shape(shape)}; {format_shape(wanted)} is needed']


def _hint(name: str, prefix: Prefix, left: Iterable[str]) -> str:
    renamed = rename(name, prefix)
    return ("" if renamed == name else f' (as "{renamed}")') + nearest(renamed, left)


def _prefix_hint(declared: Mapping[str, TensorType], unexpected: Sequence[str], prefix: Prefix) -> str:
    """Whether the names would fit behind a prefix, which is what a model within a model needs."""
    if prefix or not unexpected:
        return ""
    first = unexpected[0]
    for candidate in declared:
        begin = candidate.removesuffix(first)
        if begin != candidate and all(begin + name in declared for name in unexpected):
            return f'\nwith the prefix "{begin}" before the names of the file they would be parameters'
    return ""


def _summary(source: str, problems: Sequence[str], hint: str) -> str:
    count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
    more = [f"and {len(problems) - MOST_PROBLEMS} more problems"] if len(problems) > MOST_PROBLEMS else []
    return "\n".join([f"{source}: {count} with its parameters", *problems[:MOST_PROBLEMS], *more]) + hint
