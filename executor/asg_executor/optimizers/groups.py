"""Parameter groups: which parameters are trained together, and with which settings."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, Tag

from asg_executor.optimizers.kinds import AnyRule
from asg_executor.optimizers.rule import LearningRate, NonNegative, Rule, WeightDecay
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer, nearest, show_value

__all__ = ["Assignment", "Group", "assign"]

_SETTINGS = ("learning_rate", "weight_decay")
_MOST_MATCHES = 10_000_000  # comparisons of a name with a pattern: some seconds


_Patterns: TypeAlias = Annotated[
    Annotated[str, Tag("one")] | Annotated[list[str], Field(min_length=1), Tag("several")],
    Discriminator(lambda value: "one" if isinstance(value, str) else "several"),
]


class Group(BaseModel):
    """Some of the trained parameters, and what is different for them.

    Attributes:
        parameters: patterns of names, as of files: `*` stands for anything, `?` for one character, `[ab]` for one of
            several.
        learning_rate: their learning rate or schedule; absent: the optimizer's.
        weight_decay: their weight decay; absent: the optimizer's.
        frozen: whether they keep their values.
        optimizer: an update rule of their own, in the place of the optimizer's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    parameters: _Patterns
    learning_rate: LearningRate | None = None
    weight_decay: NonNegative | None = None
    frozen: StrictBool = False
    optimizer: AnyRule | None = None

    @property
    def patterns(self) -> list[str]:
        """The patterns."""
        return [self.parameters] if isinstance(self.parameters, str) else self.parameters

    def matches(self, name: str) -> bool:
        """Whether one of the patterns is that of a name."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def settings(self) -> dict[str, Any]:
        """The settings of the optimizer's rule that are different."""
        return {name: getattr(self, name) for name in _SETTINGS if getattr(self, name) is not None}

    def rule(self, base: Rule) -> Rule:
        """The update rule of the group, where `base` is that of the optimizer."""
        return self.optimizer or base.with_settings(self.settings())

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        unset = {name for name, field in type(self).model_fields.items() if getattr(self, name) == field.default}
        result = self.model_dump(mode="json", exclude=unset)
        return result if self.optimizer is None else {**result, "optimizer": self.optimizer.to_json()}

    def problems(self, base: Rule) -> list[Problem]:
        """What is wrong with the settings beyond their form; pointers start at the group."""
        given = self.settings()
        problems: list[Problem] = []
        if self.frozen and (given or self.optimizer is not None):
            message = "a frozen group is not trained; it has no learning rate, weight decay or optimizer"
            problems.append(Problem("/frozen", "invalid_value", message))
        if self.optimizer is not None:
            for name in given:
                message = f"the group has an optimizer of its own; its {name} stands there"
                problems.append(Problem(f"/{name}", "invalid_value", message))
            problems += [
                problem._replace(pointer=f"/optimizer{problem.pointer}") for problem in self.optimizer.problems()
            ]
            return problems
        if "weight_decay" in given and not isinstance(base, WeightDecay):
            problems.append(Problem("/weight_decay", "unknown_field", f'the kind "{base.name}" has no weight_decay'))
        if "learning_rate" in given and base.rate is None:
            message = f'the kind "{base.name}" has no learning_rate here: the document does not use one'
            problems.append(Problem("/learning_rate", "unknown_field", message))
        return problems


class Assignment(NamedTuple):
    """The parameters that one rule trains.

    Attributes:
        rule: the rule, with the group's settings.
        names: the parameters' names, in the order of the declarations.
    """

    rule: Rule
    names: tuple[str, ...]


def assign(
    base: Rule, groups: Sequence[Group], parameters: Mapping[str, TensorType]
) -> tuple[list[Assignment], list[Problem]]:
    """Give each parameter that could be trained to the first group that matches its name, else to the optimizer.

    Args:
        base: the optimizer's rule.
        groups: the groups.
        parameters: the types of the parameters that could be trained, by name.

    Returns:
        The assignments that have parameters, without those that are frozen, the optimizer's own one last; and what is
        wrong: a pattern that matches nothing, a parameter that its rule cannot update.
    """
    patterns = sum(len(group.patterns) for group in groups)
    if patterns * len(parameters) > _MOST_MATCHES:
        message = f"{patterns} patterns for {len(parameters)} parameters are too many; fewer patterns with * are needed"
        return [], [Problem("/optimizer/groups", "too_long", message)]
    problems = [
        problem
        for index, group in enumerate(groups)
        for number, pattern in enumerate(group.patterns)
        if (problem := _unmatched(index, number, group, pattern, list(parameters))) is not None
    ]
    members: list[list[str]] = [[] for _ in (*groups, base)]
    for name in parameters:
        number = next((index for index, group in enumerate(groups) if group.matches(name)), len(groups))
        members[number].append(name)
    assignments: list[Assignment] = []
    for index, names in enumerate(members):
        group = groups[index] if index < len(groups) else None
        if not names or (group is not None and group.frozen):
            continue
        rule = base if group is None else group.rule(base)
        assignments.append(Assignment(rule, tuple(names)))
        for name in names:
            reason = rule.refusal(parameters[name])
            if reason is not None:
                pointer = "/optimizer" if group is None else json_pointer(["optimizer", "groups", index])
                message = f'the parameter "{name}" is {parameters[name]}: {reason}'
                problems.append(Problem(pointer, "unsupported_parameter", message))
    return assignments, problems


def _unmatched(index: int, number: int, group: Group, pattern: str, names: Sequence[str]) -> Problem | None:
    if any(fnmatchcase(name, pattern) for name in names):
        return None
    path: list[str | int] = ["optimizer", "groups", index, "parameters"]
    listed = ", ".join(f'"{name}"' for name in names[:20]) + (", …" if len(names) > 20 else "")
    message = (
        f"the pattern {show_value(pattern)} matches no parameter that could be trained"
        f"{nearest(pattern, names) or f'; there are {listed}'}"
    )
    return Problem(json_pointer(path if isinstance(group.parameters, str) else [*path, number]), "no_match", message)
