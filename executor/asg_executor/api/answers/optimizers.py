"""How a session's optimizer is answered: the settings of its rule, and beside them those that every kind has."""

from functools import cache
from typing import Annotated, Any, TypeAlias, Union

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetPydanticSchema, create_model
from pydantic_core import CoreSchema

from asg_executor.optimizers.kinds import KINDS
from asg_executor.optimizers.optimizer import Common
from asg_executor.optimizers.rule import Rule

__all__ = ["AnyOptimizer"]


def _with_common(rule: type[Rule]) -> type[BaseModel]:
    """A rule's settings and the common ones, as one JSON form."""
    first_line = (rule.__doc__ or "").partition("\n")[0]
    return create_model(f"{rule.__name__}Optimizer", __base__=(rule, Common), __doc__=first_line)


@cache
def _every_kind() -> Any:
    members = tuple(map(_with_common, KINDS.values()))
    return Annotated[Union[members], Field(discriminator="kind")]  # noqa: UP007 - the members are computed


def _schema(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    return handler.generate_schema(_every_kind())


# Not before it is needed: making the types takes longer than all else that a server's start does with answers.
AnyOptimizer: TypeAlias = Annotated[dict[str, Any], GetPydanticSchema(_schema)]
"""The settings of an optimizer."""
