"""The executor's settings."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from asg_executor.cores import available_cores
from asg_executor.exports.places import is_prefix
from asg_executor.machine_memory import machine_memory

__all__ = ["Settings"]

_MIB = 2**20


class Settings(BaseSettings):
    """The settings of the service. Each is read from the environment variable `ASG_` + its name in capitals.

    Command line options of `asg serve` come before the environment.
    """

    model_config = SettingsConfigDict(env_prefix="ASG_", env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8765, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    allow_remote: bool = Field(
        default=False,
        description="Whether to serve without keys on an address that other machines can reach, because something "
        "else protects it, such as a proxy that asks for a password: whoever reaches the service can do everything.",
    )
    require_key: bool = Field(
        default=False,
        description="Whether requests need a key on an address of this machine alone, too, as where several people "
        "use the machine, or a proxy leads here.",
    )
    data_dir: Path | None = Field(
        default=None,
        description="Where graphs and sessions are kept. Absent: in memory for an application that is mounted "
        "elsewhere; for `asg serve` a directory of the user's for each port, or, where the port is 0, one that is "
        "removed at the end.",
    )
    engine: str = Field(default="auto", description="The engine of requests that name none.")
    workers: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        ge=1,
        description="How many requests compute at a time.",
    )
    blas_threads: int | None = Field(
        default=None,
        ge=1,
        description="How many threads one matrix product may use. Absent: for `asg serve` what the variables of the "
        "BLAS library say (`OPENBLAS_NUM_THREADS`, …), else the cores divided by `workers`; for an application that is "
        "mounted elsewhere what the process has. `all` stands for the cores that "
        "there are: so one large model alone is trained fastest.",
    )
    kernel_cache: Path | None = Field(
        default=None,
        description="Where the native engine keeps machine code, so that a later process need not compile it again: a "
        "directory that nobody else can write to. Absent: one of the user's for what is at hand.",
    )
    max_queue: int = Field(
        default=256, ge=0, description="How many further requests may wait to compute; more are answered 503."
    )
    max_queue_per_tenant: int = Field(
        default=64, ge=0, description="How many of them may be one tenant's; more are answered 429."
    )
    max_connections: int = Field(
        default=1024, ge=1, description="How many connections are held at a time; more are answered 503 and closed."
    )
    max_inflight_bytes: int = Field(
        default=1024 * _MIB,
        ge=1,
        description="How many bytes of bodies, the first 64 KiB of each apart, and of answers that are being sent are "
        "held at a time; more bodies are answered 503.",
    )
    max_body_bytes: int = Field(
        default=256 * _MIB, ge=1, description="The largest body of a request, once it is decompressed."
    )
    max_json_bytes: int = Field(
        default=32 * _MIB,
        ge=1,
        description="The largest body in JSON, which takes up to 30 times as much memory while it is read; tensors "
        "that are larger are sent in safetensors.",
    )
    max_memory_bytes: int = Field(
        default=4096 * _MIB,
        ge=1,
        description="The most memory that one compiled program, or one session's parameters with gradients, optimizer "
        "slots and backup, may take.",
    )
    max_held_bytes: int = Field(
        default_factory=lambda: machine_memory() // 4 * 3,
        ge=1,
        description="The most memory that all sessions, compiled programs, models, and the parts and answers of steps "
        "may take together. Compiled programs make room where it is short; what finds none is answered 503.",
    )
    max_tensor_bytes: int = Field(
        default=16 * 1024 * _MIB,
        ge=1,
        description="The largest value in a program, whether or not its elements are stored: a broadcast one is read "
        "as often as it is large.",
    )
    max_operations: int = Field(
        default=10**13,
        ge=1,
        description="The most arithmetic that one run of a program may take: multiplications, additions, and other "
        "operations on one element. It bounds how long a single instruction can compute, which nothing interrupts.",
    )
    max_nodes: int = Field(
        default=200_000,
        ge=1,
        description="The most nodes of a document, inputs, parameters and outputs counted, too, and the most that it "
        "may expand to: the gradient of a chain of 30,000 operations fits, and planning takes seconds.",
    )
    max_json_depth: int = Field(default=128, ge=1, description="How deep lists and objects in a body may be nested.")
    max_job_steps: int = Field(default=1_000_000, ge=1, description="The most steps of one job.")
    run_timeout_seconds: float = Field(
        default=300.0,
        gt=0,
        description="How long a run or a step may compute, or a document be checked; then it is stopped at its next "
        "instruction or node, and changes nothing.",
    )
    max_sessions: int = Field(default=1024, ge=0, description="How many sessions are held at a time.")
    tenant_max_sessions: int | None = Field(
        default=None,
        ge=0,
        description="How many sessions a tenant may have at a time; absent: as many as there may be.",
    )
    tenant_max_bytes: int | None = Field(
        default=None,
        ge=0,
        description="How much memory the parameters of a tenant's sessions may take together, with gradients, slots "
        "and backup; absent: as much as there is.",
    )
    tenant_max_dataset_bytes: int | None = Field(
        default=None,
        ge=0,
        description="How many bytes the data sets of a tenant may take together; absent: as many as there is room for.",
    )
    tenant_max_disk_bytes: int | None = Field(
        default=None,
        ge=0,
        description="How many bytes of the disk a tenant's documents, snapshots, logs of steps, checkpoints and data "
        "sets may take together, about: it is measured once a second; absent: as many as there is room for.",
    )
    tenant_max_graphs: int = Field(
        default=1024, ge=1, description="How many graphs of a tenant are kept; its least recently used one goes first."
    )
    max_served_bytes: int = Field(
        default=1024 * _MIB,
        ge=0,
        description="How much memory the models of `/v2` may take together, copies of the parameters included; the "
        "least recently used one goes first, and the last one stays in any case.",
    )
    batching_max_delay_ms: float = Field(
        default=0.0,
        ge=0,
        description="How long an inference request of `/v2` may wait for others to be computed with, in milliseconds; "
        "0 computes each by itself.",
    )
    batching_max_size: int = Field(
        default=32, ge=1, description="How many rows of inference requests are computed together at most."
    )
    max_dataset_bytes: int = Field(default=4096 * _MIB, ge=1, description="The largest data set.")
    max_datasets: int = Field(default=1024, ge=1, description="How many data sets are kept.")
    max_jobs: int = Field(
        default=1024, ge=1, description="How many jobs are kept; of those that ended the first one goes first."
    )
    max_running_jobs: int = Field(
        default=4,
        ge=1,
        description="How many jobs run at a time; others wait, but for the first one of each tenant.",
    )
    max_running_jobs_of_tenant: int = Field(default=4, ge=1, description="How many jobs of one tenant run at a time.")
    max_watchers: int = Field(
        default=256,
        ge=0,
        description="How many requests may wait for news of jobs, three quarters of them one tenant's; more are "
        "answered 503, or 429.",
    )
    header_timeout_seconds: float = Field(
        default=15.0, gt=0, description="How long the first line and the headers of a request may take to arrive."
    )
    body_timeout_seconds: float = Field(default=60.0, gt=0, description="How long a body may take to arrive.")
    body_stall_seconds: float = Field(
        default=15.0, gt=0, description="How long a body may stop arriving before it is given up."
    )
    answer_stall_seconds: float = Field(
        default=30.0, gt=0, description="How long a client may stop reading its answer before the connection is cut."
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="How long requests in flight may take after SIGTERM before the server exits."
    )
    max_parts: int = Field(
        default=10_000, ge=1, le=100_000, description="How many parts a step may have that are sent one by one."
    )
    max_parts_bytes: int = Field(
        default=1024 * _MIB,
        ge=1,
        description="How many bytes of inputs and answers are held for the parts of one session's next step.",
    )
    max_held_parts_bytes: int = Field(
        default=4096 * _MIB,
        ge=1,
        description="How many bytes of inputs and answers are held for the parts of all sessions together.",
    )
    parts_idle_seconds: float = Field(
        default=600.0, gt=0, description="After how long without a further one the parts of a step are forgotten."
    )
    export_urls: tuple[str, ...] | None = Field(
        default=None,
        description="Where checkpoints may be exported to, and imported from: a JSON list of beginnings of URLs such "
        "as `file:///exports/` or `s3://bucket/asg/`. In `s3://bucket/{tenant}/` the last is the tenant's name; what "
        "has none is for keys with the scope `admin`, and for a service without keys. Absent: nowhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning",
        description="What is logged: `info` has a line for each request.",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto",
        description="How: `json` has a JSON object in each line, `text` is for people; `auto` is text on a terminal, "
        "else JSON.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="A bearer token of at least 16 characters that opens `/metrics` and nothing else, for Prometheus; "
        "keys with the scope `admin` open it, too.",
    )
    telemetry: bool = Field(
        default=False,
        description="Whether traces are sent by OTLP over HTTP, as the variables of OpenTelemetry say "
        "(`OTEL_EXPORTER_OTLP_ENDPOINT`, …). It needs the extra `asgraph[telemetry]`.",
    )

    @field_validator("blas_threads", mode="before")
    @classmethod
    def _cores_if_all(cls, value: object) -> object:
        return available_cores() if value == "all" else value

    @field_validator("export_urls")
    @classmethod
    def _check_export_urls(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text in value or ():
            if not is_prefix(text):
                raise ValueError(
                    f'"{text}" is no beginning of URLs that can be exported to: <kind>://<place>/ is needed, with a '
                    "slash at the end, and neither http nor https"
                )
        return value
