"""The kinds of update rules."""

from typing import Annotated, TypeAlias

from pydantic import Field

from asg_executor.optimizers.adafactor import Adafactor
from asg_executor.optimizers.adagrad import Adadelta, Adagrad
from asg_executor.optimizers.adam import Adam, AdamW
from asg_executor.optimizers.adamax import Adamax, NAdam
from asg_executor.optimizers.custom import Custom
from asg_executor.optimizers.lamb import LAMB
from asg_executor.optimizers.lion import Lion
from asg_executor.optimizers.muon import Muon
from asg_executor.optimizers.rmsprop import RMSprop
from asg_executor.optimizers.rule import Rule
from asg_executor.optimizers.sgd import SGD

__all__ = ["KINDS", "AnyRule"]

AnyRule: TypeAlias = Annotated[
    SGD | Adam | AdamW | RMSprop | Adagrad | Adadelta | Adamax | NAdam | Lion | LAMB | Adafactor | Muon | Custom,
    Field(discriminator="kind"),
]
"""The JSON form of an update rule: `{"kind": "sgd", "learning_rate": 0.1}`."""

_RULES: tuple[type[Rule], ...] = (
    SGD,
    Adam,
    AdamW,
    RMSprop,
    Adagrad,
    Adadelta,
    Adamax,
    NAdam,
    Lion,
    LAMB,
    Adafactor,
    Muon,
    Custom,
)

KINDS: dict[str, type[Rule]] = {rule.model_fields["kind"].default: rule for rule in _RULES}
"""Every rule by the name of its kind."""
