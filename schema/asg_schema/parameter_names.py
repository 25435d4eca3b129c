"""Which tensor of a file of weights is which parameter, by names such as those of a PyTorch state dict."""

from collections.abc import Iterable, Mapping, Sequence
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
    """

    sources: dict[str, str]
    missing: list[str]
    unexpected: list[str]


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
    prefix: Prefix = "",
    may_be_missing: bool = False,
    may_be_unexpected: bool = False,
) -> ParameterNames:
    """Find each parameter in a file.

    Args:
        declared: the parameters by name.
        given: the shapes of the file's tensors by name.
        source: what the file is called, for errors.
        prefix: how the file's names become names of parameters.
        may_be_missing: whether the file may leave parameters out.
        may_be_unexpected: whether the file may have tensors that are no parameters.

    Raises:
        AsgError: a tensor has another shape than its parameter, two are one parameter, or names are missing or
            unexpected that may not be: all of it at once.
    """
    sources: dict[str, str] = {}
    unexpected: list[str] = []
    problems: list[str] = []
    for name, shape in given.items():
        parameter = rename(name, prefix)
        if parameter not in declared:
            unexpected.append(name)
        elif parameter in sources:
            problems.append(f'"{sources[parameter]}" and "{name}" are both the parameter "{parameter}"; leave one out')
        else:
            sources[parameter] = name
            problems.extend(_shape_problem(name, shape, parameter, declared[parameter].shape))
    missing = [name for name in declared if name not in sources]
    if not may_be_unexpected:
        problems += [f'"{name}" is no parameter{_hint(name, prefix, missing)}' for name in unexpected]
    if not may_be_missing:
        names = [rename(name, prefix) for name in unexpected]
        problems += [f'the parameter "{name}" {declared[name]} is missing{nearest(name, names)}' for name in missing]
    if problems:
        raise AsgError(_summary(source, problems, _prefix_hint(declared, unexpected, prefix)))
    return ParameterNames(sources, missing, unexpected)


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
