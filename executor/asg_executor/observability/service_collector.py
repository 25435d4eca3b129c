"""`ServiceCollector`: what the service holds in memory and on the disk, counted when Prometheus asks."""

import logging
import shutil
from collections.abc import Generator, Mapping
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from asg_executor.api.service import Service
from asg_executor.engines.lookup import engine_named
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.errors import StoreError

__all__ = ["ServiceCollector"]

_log = logging.getLogger("asg_executor")


class ServiceCollector(Collector):
    """Counts when it is asked. It may be asked from any thread.

    Args:
        service: the service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> list[Metric]:
        """Nothing is counted in advance, when there may be no session yet."""
        return []

    @override
    def collect(self) -> Generator[Metric]:
        """The metrics."""
        engine = engine_named(self._service.settings.engine).name
        yield InfoMetricFamily("asg_build", "What runs.", {"version": version("asgraph"), "engine": engine})
        yield _by_kind("asg_memory_bytes", "Memory that is held between requests, about.", self._memory())
        if self._service.directory is not None:
            yield from self._disk(self._service.directory)

    def _memory(self) -> Mapping[str, int]:
        sessions = [held.session for held in self._service.sessions]
        return {
            "sessions": sum(session.required_bytes for session in sessions),
            "compiled": sum(session.compiled_bytes for session in sessions),
            "models": self._service.models.held_bytes,
        }

    def _disk(self, directory: DataDirectory) -> Generator[Metric]:
        try:
            logs = sum(held.log_bytes for held in self._service.sessions)
            kinds = {**directory.stored_bytes(), "logs": logs}
            free = shutil.disk_usage(directory.path).free
        except (StoreError, OSError) as error:  # the other metrics are wanted all the more
            _log.error("the data directory cannot be measured: %s", error)
            return
        yield _by_kind("asg_stored_bytes", "What the data directory holds.", kinds)
        yield GaugeMetricFamily("asg_disk_free_bytes", "What is free on the disk of the data directory.", free)


def _by_kind(name: str, description: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, description, labels=["kind"])
    for kind, value in values.items():
        family.add_metric([kind], value)
    return family
