"""How models are described, in the protocol's words."""

from typing import Any

from asg_executor.api.open_inference.datatypes import DATATYPES, config_datatype
from asg_executor.inference.row_independence import MixedRowsError, plan_rows
from asg_executor.inference.statistics import ModelStatistics, Total
from asg_executor.sessions.graph_set import default_outputs
from asg_executor.settings import Settings
from asg_schema.dims import Dim
from asg_schema.document import Document, Input
from asg_schema.roles import LossScaleRole, RngKeyRole
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import dependents, node_of

__all__ = ["describe_config", "describe_model", "describe_statistics"]

_GIVEN = (RngKeyRole, LossScaleRole)  # what the session gives
_PLATFORM = "asg"
_PHASES = {"queue": "queue", "input": "compute_input", "infer": "compute_infer", "output": "compute_output"}


def describe_model(name: str, versions: list[str], document: Document) -> dict[str, Any]:
    """A model's metadata: inputs but those that a session gives, outputs that are neither gradients nor state updates.

    Args:
        name: the model's name, as it was asked for.
        versions: its versions.
        document: its graph.
    """
    inputs = [_tensor(item.id, item.type) for item in document.inputs if not isinstance(item.role, _GIVEN)]
    outputs = [_tensor(item, _output_type(document, item)) for item in default_outputs(document)]
    return {"name": name, "versions": versions, "platform": _PLATFORM, "inputs": inputs, "outputs": outputs}


def describe_config(name: str, document: Document, settings: Settings) -> dict[str, Any]:
    """A model's configuration. Its shapes have all axes, so that `max_batch_size` is 0.

    An input is optional if an output does without it. Where requests are to be computed together and these cannot be,
    `parameters.batching` says why.

    Args:
        name: the model's name, as it was asked for.
        document: its graph.
        settings: the service's.
    """
    config: dict[str, Any] = {
        "name": name,
        "platform": _PLATFORM,
        "backend": _PLATFORM,
        "max_batch_size": 0,
        "input": [
            {**_config_tensor(item.id, item.type), "optional": _is_optional(document, item)}
            for item in document.inputs
            if not isinstance(item.role, LossScaleRole)
        ],
        "output": [_config_tensor(item, _output_type(document, item)) for item in default_outputs(document)],
        "parameters": {},
    }
    if settings.batching_max_delay_ms > 0:
        given = [item.id for item in document.inputs]
        try:
            plan_rows(document, given, default_outputs(document))
        except MixedRowsError as error:
            config["parameters"]["batching"] = {"string_value": f"off: {error}"}
        else:
            delay = round(settings.batching_max_delay_ms * 1000)
            config["dynamic_batching"] = {
                "preferred_batch_size": [settings.batching_max_size],
                "max_queue_delay_microseconds": delay,
            }
    return config


def _output_type(document: Document, output: str) -> TensorType:
    return document.types[next(item.value for item in document.outputs if item.name == output)]


def _size(dim: Dim) -> int:
    return dim if isinstance(dim, int) else -1


def _tensor(name: str, type: TensorType) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES[type.dtype], "shape": [_size(dim) for dim in type.shape]}


def _config_tensor(name: str, type: TensorType) -> dict[str, Any]:
    return {"name": name, "data_type": config_datatype(type.dtype), "dims": [_size(dim) for dim in type.shape]}


def _is_optional(document: Document, item: Input) -> bool:
    if isinstance(item.role, RngKeyRole):
        return True
    reached = dependents(document, [item.id])
    values = {output.name: node_of(output.value) for output in document.outputs}
    return any(values[name] not in reached for name in default_outputs(document))


def describe_statistics(name: str, version: str, statistics: ModelStatistics) -> dict[str, Any]:
    """How a version of a model did, with Triton's names: durations in nanoseconds.

    Args:
        name: the model's name.
        version: the version.
        statistics: what was counted.
    """
    none = _total(Total())
    return {
        "name": name,
        "version": version,
        "last_inference": statistics.last,
        "inference_count": statistics.inferences,
        "execution_count": statistics.executions,
        "inference_stats": {
            "success": _total(statistics.success),
            "fail": _total(statistics.failure),
            **{_PHASES[phase]: _total(total) for phase, total in statistics.phases.items()},
            "cache_hit": none,
            "cache_miss": none,
        },
        "batch_stats": [
            {"batch_size": rows, "compute_infer": _total(total)} for rows, total in sorted(statistics.batches.items())
        ],
    }


def _total(total: Total) -> dict[str, int]:
    return {"count": total.count, "ns": total.ns}
