"""The JSON Schemas of all answers: `answer_schemas` makes them from the types, `written_schemas` reads them.

Making them takes the time of many steps, and a server has better things to do: they are in `schemas.json`, which
`make generate` writes, and a test compares the two.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypeAliasType, get_original_bases, is_typeddict, override

from asg_executor.api.answers import (
    checkpoints,
    datasets,
    graphs,
    jobs,
    open_inference,
    problems,
    service,
    sessions,
    values,
)

__all__ = ["answer_schemas", "written_schemas"]

_MODULES = (service, graphs, sessions, values, checkpoints, datasets, jobs, open_inference, problems)


_NAMES = {
    "asg_schema__initializers__Constant": "ConstantInitializer",
    "asg_executor__optimizers__schedules__decay__Constant": "ConstantSchedule",
}
"""What takes the place of the names that Pydantic gives to two types of one name."""


class _Generator(GenerateJsonSchema):
    """Gives no field a title: it would be the field's name once more."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def answer_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every type of answer, and of what these refer to, by name: `components.schemas`."""
    found: list[Any] = [getattr(module, name) for module in _MODULES for name in module.__all__]
    forms: list[Any] = [form for form in found if is_typeddict(form) or isinstance(form, TypeAliasType)]
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (form.__name__, "validation", TypeAdapter(form)) for form in forms
    ]
    _, schemas = TypeAdapter.json_schemas(
        adapters, ref_template="#/components/schemas/{model}", schema_generator=_Generator
    )
    for form in filter(is_typeddict, forms):
        for name, text in _inherited(form).items():
            schemas["$defs"][form.__name__]["properties"][name].setdefault("description", text)
    text = json.dumps(schemas["$defs"])
    for name, better in _NAMES.items():
        text = text.replace(name, better)
    return dict(sorted(json.loads(text).items()))


def _inherited(form: Any) -> dict[str, str]:
    """The descriptions of the fields that a type has from others: Pydantic finds only those of its own."""
    found: dict[str, str] = {}
    for base in filter(is_typeddict, get_original_bases(form)):
        fields = TypeAdapter(base).json_schema()["properties"]
        found |= _inherited(base) | {
            name: field["description"] for name, field in fields.items() if "description" in field
        }
    return found


def written_schemas() -> dict[str, dict[str, Any]]:
    """What `answer_schemas` returned when the file was written."""
    return json.loads(Path(__file__).with_name("schemas.json").read_text())
