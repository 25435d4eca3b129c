"""A data directory that was made before there were tenants: its sessions are those of requests without a key."""

from pathlib import Path

from asg_executor.access.principal import Scope
from asg_executor.store.data_directory import DATABASE
from executor_harness.access import bearer
from executor_harness.in_process import in_process
from executor_harness.older_database import forget_tenants
from executor_harness.problems import problem


def test_sessions_without_a_tenant_are_there_and_nobody_elses(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=1) as server:
        session = server.create_session()
    forget_tenants(tmp_path / DATABASE)
    with in_process(data_dir=tmp_path, workers=1) as server:
        assert server.http.get(session).json()["tenant"] == ""
        token, _ = server.app.state.service.keys.create("laptop", "research", Scope.TRAIN)
        problem(server.http.get(session, headers=bearer(token)), "unknown_session")
        new = server.create_session()
    with in_process(data_dir=tmp_path, workers=1) as server:
        assert [server.http.get(path).status_code for path in (session, new)] == [200, 200]
