"""Choosing an optimizer: from its JSON form to its settings."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

from pydantic import ValidationError

from asg_executor.optimizers.errors import OptimizerError
from asg_executor.optimizers.kinds import KINDS
from asg_executor.optimizers.optimizer import Common, Optimizer
from asg_executor.optimizers.rule import Rule
from asg_schema.errors import Problem
from asg_schema.wire import nearest, show_value, validation_problems

__all__ = ["optimizer_kinds", "parse_optimizer"]

_PLACE = ("optimizer",)
_MOST_ENTRIES = 10_000  # so that telling what is wrong with each takes little memory


def optimizer_kinds() -> list[str]:
    """The kinds of optimizers, as their JSON forms name them."""
    return list(KINDS)


def parse_optimizer(source: Any) -> Optimizer:
    """The optimizer that a JSON form describes; an `Optimizer` as it is, and a `Rule` as one without more settings.

    The form is that of the rule, which its `kind` names, with the common settings beside it.

    Raises:
        OptimizerError: with every fault of the form, each with its JSON Pointer from `/optimizer` on.
    """
    if isinstance(source, Optimizer):
        return source
    if isinstance(source, Rule):
        return _checked(Optimizer(rule=source))
    if not isinstance(source, Mapping):
        message = f"an optimizer is an object with the field kind, not {show_value(source)}"
        raise OptimizerError([Problem("/optimizer", "invalid_value", message)])
    form = dict(cast("Mapping[str, Any]", source))
    if _has_too_many_entries(form):
        message = f"the settings have more than {_MOST_ENTRIES} entries in all, which is more than any model needs"
        raise OptimizerError([Problem("/optimizer", "too_long", message)])
    common_form = {name: form.pop(name) for name in Common.model_fields if name in form}
    problems: list[Problem] = []
    common, rule = Common(), None
    try:
        common = Common.model_validate(common_form)
    except ValidationError as error:
        problems += validation_problems(error, common_form, _PLACE)
    kind = form.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        problems.append(_unknown_kind(form))
    else:
        fields = (*KINDS[kind].model_fields, *Common.model_fields)
        try:
            rule = KINDS[kind].model_validate(form)
        except ValidationError as error:
            problems += validation_problems(error, form, _PLACE, fields=fields)
    if problems or rule is None:
        raise OptimizerError(problems)
    return _checked(Optimizer(rule=rule, **{name: getattr(common, name) for name in Common.model_fields}))


def _unknown_kind(form: Mapping[str, Any]) -> Problem:
    if "kind" not in form:
        return Problem("/optimizer/kind", "missing_field", 'the field "kind" is missing')
    kind = form["kind"]
    hint = nearest(kind, KINDS) if isinstance(kind, str) else ""
    message = f"there is no kind {show_value(kind)}{hint or '; known are ' + ', '.join(KINDS)}"
    return Problem("/optimizer/kind", "unknown_kind", message)


def _checked(optimizer: Optimizer) -> Optimizer:
    problems = optimizer.problems()
    if problems:
        raise OptimizerError(problems)
    return optimizer


def _has_too_many_entries(form: Mapping[str, Any]) -> bool:
    """Whether the settings hold too much in all, a document apart, which has limits of its own."""
    waiting: list[Any] = [form]
    count = 0
    while waiting and count <= _MOST_ENTRIES:
        item = waiting.pop()
        if isinstance(item, Mapping):
            entries = cast("Mapping[str, Any]", item)
            count += len(entries)
            waiting += [value for name, value in islice(entries.items(), _MOST_ENTRIES) if name != "document"]
        elif isinstance(item, list | tuple):
            values = cast("list[Any]", item)
            count += len(values)
            waiting += values[:_MOST_ENTRIES]
    return count > _MOST_ENTRIES
