"""`/v1`: what this service understands, and its limits."""

from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.service import Capabilities
from asg_executor.api.bodies import json_response
from asg_executor.api.scoped_access import PublicAccess
from asg_executor.engines.lookup import engine_named, engine_names
from asg_executor.optimizers.choice import optimizer_kinds
from asg_executor.optimizers.schedules.choice import schedule_kinds
from asg_executor.safetensors_bytes import MOST_HEADER_BYTES
from asg_schema.document import FORMAT_VERSION
from asg_schema.dtype import DType
from asg_schema.op_table import OPS
from asg_schema.tensor_type import MOST_AXES

__all__ = ["router"]

_LIMITS = (
    "max_body_bytes",
    "max_json_bytes",
    "max_json_depth",
    "max_nodes",
    "max_tensor_bytes",
    "max_memory_bytes",
    "max_held_bytes",
    "max_operations",
    "max_job_steps",
    "max_sessions",
    "max_dataset_bytes",
    "max_datasets",
    "max_jobs",
    "max_running_jobs",
    "max_running_jobs_of_tenant",
    "max_watchers",
    "max_served_bytes",
    "batching_max_delay_ms",
    "batching_max_size",
    "max_parts",
    "max_parts_bytes",
    "max_held_parts_bytes",
    "parts_idle_seconds",
    "tenant_max_sessions",
    "tenant_max_bytes",
    "tenant_max_dataset_bytes",
    "tenant_max_disk_bytes",
    "tenant_max_graphs",
    "max_connections",
    "max_inflight_bytes",
    "max_queue",
    "max_queue_per_tenant",
    "workers",
    "run_timeout_seconds",
    "header_timeout_seconds",
    "body_timeout_seconds",
    "body_stall_seconds",
    "answer_stall_seconds",
)

router = APIRouter(tags=["capabilities"])


@router.get("/v1", responses=answers(Capabilities))
async def capabilities(service: PublicAccess) -> Response:
    """The format's version, ops and dtypes, the engines, optimizers and schedules, and the limits."""
    settings = service.settings
    return json_response(
        {
            "format_version": FORMAT_VERSION,
            "version": version("asgraph"),
            "ops": list(OPS),
            "dtypes": [dtype.value for dtype in DType],
            "engines": list(engine_names()),
            "engine": engine_named(settings.engine).name,
            "optimizers": optimizer_kinds(),
            "schedules": schedule_kinds(),
            "limits": {name: getattr(settings, name) for name in _LIMITS}
            | {"max_rank": MOST_AXES, "max_header_bytes": MOST_HEADER_BYTES},
        }
    )
