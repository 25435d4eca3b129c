"""`Service`: the state of the service, which all requests share."""

from dataclasses import dataclass, field

from asg_executor.access.keys import KeyStore
from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.watchers import Watchers
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.disk_quota import DiskQuota
from asg_executor.inference.repository import ModelRepository
from asg_executor.inference.running import InferenceRunner
from asg_executor.jobs.runner import JobRunner
from asg_executor.memory_budget import MemoryBudget
from asg_executor.metrics import Metrics
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.settings import Settings
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.graphs import TenantGraphs

__all__ = ["Service"]


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """The state of the service. What a request sees of it is a `TenantService`.

    Attributes:
        settings: its settings.
        graphs: the documents that were sent, by tenant.
        sessions: the sessions that were created.
        pool: the threads that compute.
        memory: the room for what is kept between requests.
        disk: what bounds what tenants have on the disk.
        bytes_in_flight: the room for bodies and answers.
        metrics: what is counted.
        models: sessions' graphs, ready for inference.
        inference: computes inference requests.
        key_required: whether a request needs a key.
        keys: the keys that there are; None where nothing is kept, and no key is known.
        directory: where graphs and sessions are kept; None where they live in memory alone.
        jobs: the trainings that go on by themselves; None without a directory.
        watchers: how many requests wait for something to happen.
    """

    settings: Settings
    graphs: TenantGraphs
    sessions: SessionRegistry
    pool: WorkerPool
    memory: MemoryBudget
    disk: DiskQuota
    bytes_in_flight: ByteBudget
    metrics: Metrics
    models: ModelRepository
    inference: InferenceRunner
    key_required: bool = False
    keys: KeyStore | None = None
    directory: DataDirectory | None = None
    jobs: JobRunner | None = None
    watchers: Watchers = field(default_factory=Watchers)
