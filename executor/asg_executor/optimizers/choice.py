"""Choosing an optimizer: from its JSON form to its settings."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from asg_executor.optimizers.adam import Adam, AdamW
from asg_executor.optimizers.errors import OptimizerError
from asg_executor.optimizers.optimizer import Optimizer
from asg_executor.optimizers.sgd import SGD
from asg_schema.wire import validation_problems

__all__ = ["AnyOptimizer", "optimizer_kinds", "parse_optimizer"]

AnyOptimizer: TypeAlias = Annotated[SGD | Adam | AdamW, Field(discriminator="kind")]
"""The JSON form of an optimizer: `{"kind": "sgd", "learning_rate": 0.1}`."""

_KINDS: tuple[type[Optimizer], ...] = (SGD, Adam, AdamW)
_ADAPTER: TypeAdapter[Optimizer] = TypeAdapter(AnyOptimizer)


def optimizer_kinds() -> list[str]:
    """The kinds of optimizers, as their JSON forms name them."""
    return [kind.model_fields["kind"].default for kind in _KINDS]


def parse_optimizer(source: Any) -> Optimizer:
    """The optimizer that a JSON form describes; an `Optimizer` as it is.

    Raises:
        OptimizerError: with every fault of the form, each with its JSON Pointer from `/optimizer` on.
    """
    if isinstance(source, Optimizer):
        return source
    try:
        return _ADAPTER.validate_python(source)
    except ValidationError as error:
        raise OptimizerError(validation_problems(error, source, ("optimizer",))) from None
