"""Answers about sessions, their parameters and what they compute."""

from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.optimizers import AnyOptimizer
from asg_executor.api.answers.values import CLOSED, Count, Digest, Id, Step, Tensor, TensorShape
from asg_executor.sessions.durability import Durability
from asg_executor.sessions.precision import Precision
from asg_executor.sessions.training_steps import NonFinitePolicy
from asg_schema.dtype import DType

__all__ = [
    "DamagedSession",
    "MicroBatchAnswer",
    "ParameterValues",
    "PartAnswer",
    "Parts",
    "Session",
    "SessionList",
    "SessionParameter",
    "SessionRunAnswer",
    "SessionSummary",
    "StepAnswer",
]


@with_config(CLOSED)
class SessionSummary(TypedDict):
    """What can be said of a session without waiting for it."""

    id: Id
    """Its id."""

    tenant: str
    """Whose it is."""

    step: Step
    """The number of its last step."""

    graphs: dict[str, Digest]
    """The digest of each of its graphs, by the name that it has here."""

    optimizer: AnyOptimizer | None
    """What a step does with the gradients, its settings in full; null where no graph has gradients."""

    seed: Count
    """What initial values and random keys follow from."""

    engine: str
    """The engine that runs it."""

    durability: Durability
    """What is on disk when a step is acknowledged."""

    non_finite: NonFinitePolicy
    """What becomes of a step that leaves NaN or an infinity in the state."""

    precision: Precision
    """In which dtype it computes what its graphs have in float32."""

    loss_scale: NotRequired[float]
    """What the gradients of the next step are multiplied by; absent where they are not scaled."""


@with_config(CLOSED)
class SessionParameter(TypedDict):
    """A parameter of a session."""

    id: str
    """Its name."""

    dtype: DType
    """The type of its elements."""

    shape: TensorShape
    """The sizes of its axes."""

    trainable: bool
    """Whether the graphs let optimizers change it."""

    trained: bool
    """Whether this session's optimizer changes it."""


@with_config(CLOSED)
class Session(SessionSummary):
    """A session."""

    parameters: list[SessionParameter]
    """Its parameters."""

    digest: Digest
    """The digest of its state, which is the ETag, too."""


@with_config(CLOSED)
class DamagedSession(TypedDict):
    """A session that cannot be used."""

    id: Id
    """Its id."""

    damaged: str
    """Why not."""


@with_config(CLOSED)
class SessionList(TypedDict):
    """Sessions."""

    sessions: list[SessionSummary | DamagedSession]
    """Those that can be used, and then those that are damaged."""


@with_config(CLOSED)
class ParameterValues(TypedDict):
    """Values of parameters."""

    step: Step
    """The number of the step after which they are these."""

    parameters: dict[str, Tensor]
    """The parameters, by name."""


@with_config(CLOSED)
class SessionRunAnswer(TypedDict):
    """What a session computed, which changed nothing."""

    step: Step
    """The number of the session's last step."""

    outputs: dict[str, Tensor]
    """The outputs, by name."""


@with_config(CLOSED)
class StepAnswer(TypedDict):
    """A step that was taken."""

    step: Step
    """Its number."""

    skipped: NotRequired[bool]
    """There, and true, where the step left the state as it was, but for a loss scale: it would not have been finite."""

    outputs: dict[str, Tensor]
    """The outputs before the update, by name."""


@with_config(CLOSED)
class MicroBatchAnswer(TypedDict):
    """A step in micro-batches, or of parts, that was taken."""

    step: Step
    """Its number."""

    skipped: NotRequired[bool]
    """There, and true, where the step left the state as it was, but for a loss scale: it would not have been finite."""

    micro_batches: list[dict[str, Tensor]]
    """The outputs of each before the update, by name."""


@with_config(CLOSED)
class PartAnswer(TypedDict):
    """A part that was computed and is held."""

    step: Step
    """The number of its step."""

    part: Count
    """Its own number."""

    expected_part: Count
    """The number of the next one."""

    digest: Digest
    """The digest of all parts so far: what `digest` may name when the step is taken."""

    outputs: dict[str, Tensor]
    """Its outputs, by name."""


@with_config(CLOSED)
class Parts(TypedDict):
    """Which parts of the next step are there."""

    step: Step
    """The number of the step."""

    expected_part: Count
    """The number of the next part: those before it are there."""

    bytes: Count
    """How much memory they take."""

    digest: NotRequired[Digest]
    """The digest of all of them; absent where there is none."""
