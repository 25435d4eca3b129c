"""Answers of the Open Inference Protocol, and of the extensions of Triton that its clients ask for."""

from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field, with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.values import CLOSED, Count, Step, TensorShape
from asg_executor.api.open_inference.datatypes import DATATYPES, config_datatype

__all__ = [
    "BatchStatistics",
    "ConfigInput",
    "ConfigOutput",
    "DynamicBatching",
    "Empty",
    "IndexedModel",
    "InferenceAnswer",
    "InferenceParameters",
    "InferenceStatistics",
    "InferredTensor",
    "ModelConfig",
    "ModelMetadata",
    "ModelReady",
    "ModelStatistics",
    "OutputParameters",
    "ServerMetadata",
    "StatisticsOfModels",
    "TensorMetadata",
    "TextParameter",
    "Total",
]

_Datatype: TypeAlias = Annotated[str, Field(json_schema_extra={"enum": list(DATATYPES.values())})]
_ConfigDatatype: TypeAlias = Annotated[str, Field(json_schema_extra={"enum": list(map(config_datatype, DATATYPES))})]
_Sizes: TypeAlias = list[Annotated[int, Field(ge=-1)]]


@with_config(CLOSED)
class ServerMetadata(TypedDict):
    """The server."""

    name: str
    """What it is."""

    version: str
    """Its version."""

    extensions: list[str]
    """The extensions of the protocol that it knows."""


@with_config(CLOSED)
class TensorMetadata(TypedDict):
    """An input or an output of a model."""

    name: str
    """Its name."""

    datatype: _Datatype
    """The type of its elements."""

    shape: _Sizes
    """The sizes of its axes; -1 stands for one that a symbol names."""


@with_config(CLOSED)
class ModelMetadata(TypedDict):
    """A model."""

    name: str
    """Its name, as it was asked for."""

    versions: list[str]
    """Its versions: `latest`, and the session's checkpoints."""

    platform: str
    """What runs it."""

    inputs: list[TensorMetadata]
    """What it needs."""

    outputs: list[TensorMetadata]
    """What it computes."""


@with_config(CLOSED)
class ModelReady(TypedDict):
    """Whether a model can be asked."""

    name: str
    """Its name."""

    ready: bool
    """It can."""


@with_config(CLOSED)
class ConfigOutput(TypedDict):
    """An output in a model's configuration."""

    name: str
    """Its name."""

    data_type: _ConfigDatatype
    """The type of its elements."""

    dims: _Sizes
    """The sizes of its axes; -1 stands for one that a symbol names."""


@with_config(CLOSED)
class ConfigInput(ConfigOutput):
    """An input in a model's configuration."""

    optional: bool
    """Whether an output does without it."""


@with_config(CLOSED)
class TextParameter(TypedDict):
    """A parameter of a model's configuration."""

    string_value: str
    """Its value."""


@with_config(CLOSED)
class DynamicBatching(TypedDict):
    """How requests are computed together."""

    preferred_batch_size: list[Count]
    """How many rows are computed together at most."""

    max_queue_delay_microseconds: Count
    """How long a request waits for others."""


@with_config(CLOSED)
class ModelConfig(TypedDict):
    """A model's configuration."""

    name: str
    """Its name, as it was asked for."""

    platform: str
    """What runs it."""

    backend: str
    """The same."""

    max_batch_size: Literal[0]
    """The shapes have all axes."""

    input: list[ConfigInput]
    """What it needs."""

    output: list[ConfigOutput]
    """What it computes."""

    parameters: dict[str, TextParameter]
    """`batching`: why requests are not computed together where they should be."""

    dynamic_batching: NotRequired[DynamicBatching]
    """There where requests are computed together."""


@with_config(CLOSED)
class Total(TypedDict):
    """How often something happened, and how long it took."""

    count: Count
    """How often."""

    ns: Count
    """How many nanoseconds, all together."""


@with_config(CLOSED)
class InferenceStatistics(TypedDict):
    """Where the time of a model's requests went."""

    success: Total
    """Requests that succeeded."""

    fail: Total
    """Requests that failed."""

    queue: Total
    """Waiting."""

    compute_input: Total
    """Reading requests."""

    compute_infer: Total
    """Computing."""

    compute_output: Total
    """Writing answers."""

    cache_hit: Total
    """None: answers are not kept."""

    cache_miss: Total
    """None."""


@with_config(CLOSED)
class BatchStatistics(TypedDict):
    """Runs with one number of rows."""

    batch_size: Count
    """How many rows they had."""

    compute_infer: Total
    """How many they were, and how long they took."""


@with_config(CLOSED)
class ModelStatistics(TypedDict):
    """How a version of a model did since the server was started."""

    name: str
    """The model's name."""

    version: str
    """The version."""

    last_inference: Count
    """When the last request came, in milliseconds since 1970; 0 before the first."""

    inference_count: Count
    """How many rows were computed."""

    execution_count: Count
    """How often it was run."""

    inference_stats: InferenceStatistics
    """Where the time went."""

    batch_stats: list[BatchStatistics]
    """The runs, by the number of their rows."""


@with_config(CLOSED)
class StatisticsOfModels(TypedDict):
    """How models did."""

    model_stats: list[ModelStatistics]
    """One for each version that was asked for."""


@with_config(CLOSED)
class IndexedModel(TypedDict):
    """A version of a model, in the index."""

    name: str
    """The model's name."""

    version: str
    """The version."""

    state: Literal["READY"]
    """Every model is ready."""

    reason: Literal[""]
    """Why it is not."""


@with_config(CLOSED)
class Empty(TypedDict):
    """Nothing."""


@with_config(CLOSED)
class OutputParameters(TypedDict):
    """Where the elements of an output are."""

    binary_data_size: Count
    """How many of the bytes that follow the JSON are this output's."""


@with_config(CLOSED)
class InferredTensor(TypedDict):
    """An output of a model."""

    name: str
    """Its name."""

    datatype: _Datatype
    """The type of its elements."""

    shape: TensorShape
    """The sizes of its axes."""

    data: NotRequired[list[float | bool]]
    """Its elements, flat and row-major; NaN and Infinity stand there as bare words."""

    parameters: NotRequired[OutputParameters]
    """In the place of `data` where the elements follow the JSON."""


@with_config(CLOSED)
class InferenceParameters(TypedDict):
    """What an answer has beside the protocol's fields."""

    step: Step
    """The number of the session's step whose parameters were used."""


@with_config(CLOSED)
class InferenceAnswer(TypedDict):
    """What a model computed."""

    model_name: str
    """The model's name, as it was asked for."""

    model_version: str
    """The version."""

    id: NotRequired[str]
    """That of the request, where it has one."""

    parameters: InferenceParameters
    """The step whose parameters were used."""

    outputs: list[InferredTensor]
    """The outputs, in the order in which they were asked for."""
