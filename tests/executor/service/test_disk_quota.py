"""How much of the disk a tenant may have: documents, snapshots, logs, checkpoints, data sets, all together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asg_executor import disk_quota
from asg_executor.access.principal import Scope
from asg_executor.disk_quota import DiskQuota, DiskQuotaError
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.access import bearer
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import create_session as network_session
from executor_harness.jobs import data, start_job, wait
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, regression_data

BODY = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}


def used(server: Server) -> int:
    return server.http.get("/v1/access").json()["quotas"]["disk_bytes"]["used"]


def set_maximum(server: Server, maximum: int) -> None:
    """Let a tenant have so much from now on, and have it measured anew."""
    disk: DiskQuota = server.app.state.service.disk
    vars(disk).update(_maximum=maximum, _measured={})


def refused(response: Any, wanted_at_least: int = 1) -> Mapping[str, Any]:
    found = problem(response, "quota_exceeded")
    assert found["quota"] == "disk_bytes"
    assert found["used"] + found["wanted"] > found["maximum"]
    assert found["wanted"] >= wanted_at_least
    assert f"{found['used']} of the {found['maximum']} bytes" in found["detail"]
    assert response.headers["x-should-retry"] == "false"
    return found


def test_all_that_is_written_counts(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9) as server:
        sizes = [used(server)]
        session = server.create_session()
        sizes.append(used(server))
        assert server.http.put(f"{session}/steps/1", json=BODY).status_code == 200
        sizes.append(used(server))
        assert server.http.post(f"{session}/checkpoints", json={"name": "one"}).status_code == 201
        sizes.append(used(server))
        content = write_safetensors(data(), {})
        response = server.http.post("/v1/datasets", content=content, headers={"Content-Type": MEDIA_TYPE})
        sizes.append(used(server))
        assert sizes[0] == 0
        assert sizes == sorted(set(sizes)), "each is more than before"
        assert sizes[-1] - sizes[-2] == len(content)
        server.http.delete(response.headers["Location"])
        server.http.delete(f"{session}/checkpoints/one")
        assert used(server) == sizes[2]
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9) as server:
        graphs = server.http.get(session).json()["graphs"]
        server.http.delete(session)
        files = sum(path.stat().st_size for path in (tmp_path / "graphs").glob("*.json"))
        assert used(server) == files > 0, "the documents stay, after a restart, too"
        assert len(graphs) == len(list((tmp_path / "graphs").glob("*.json")))


def test_what_would_be_too_much_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9) as server:
        session = server.create_session()
        assert server.http.put(f"{session}/steps/1", json=BODY).status_code == 200
        assert server.http.post(f"{session}/checkpoints", json={"name": "one"}).status_code == 201
        digest, graphs = server.digest(session), server.http.get(session).json()["graphs"]
        set_maximum(server, used(server))
        refused(server.http.put(f"{session}/steps/2", json=BODY))
        refused(server.http.post(f"{session}/checkpoints", json={"name": "two"}))
        refused(server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": {"kind": "sgd"}}))
        refused(server.http.post("/v1/graphs", content=REGRESSION.replace("regression", "r").replace("weight", "w")))
        content = write_safetensors(data(), {})
        headers = {"Content-Type": MEDIA_TYPE}
        assert refused(server.http.post("/v1/datasets", content=content, headers=headers))["wanted"] == len(content)
        assert list((tmp_path / "datasets").iterdir()) == []
        assert server.digest(session) == digest
        assert len(server.http.get("/v1/sessions").json()["sessions"]) == 1
        # What is there already is no more than before, and what takes nothing goes on.
        assert server.http.post("/v1/graphs", content=REGRESSION).status_code == 200
        assert server.http.put(f"{session}/steps/1", json=BODY).headers["Idempotent-Replayed"] == "true"
        assert server.http.post(f"{session}/run", json={"graph": "predict", **BODY}).status_code == 200
        assert server.http.post(f"{session}/checkpoints/one/restore").status_code == 200
        # At once, however old the last figure is.
        set_maximum(server, used(server) + 1_000)
        assert server.http.put(f"{session}/steps/2", json=BODY).status_code == 200


def test_a_deletion_makes_room_at_once(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9) as server:
        session = server.create_session()
        assert server.http.post(f"{session}/checkpoints", json={"name": "one"}).status_code == 201
        set_maximum(server, used(server) + 10)
        refused(server.http.put(f"{session}/steps/1", json=BODY))
        assert server.http.delete(f"{session}/checkpoints/one").status_code == 204
        assert server.http.put(f"{session}/steps/1", json=BODY).status_code == 200


def test_a_job_ends_with_it_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9, workers=2) as server:
        session = network_session(server.http)
        content = write_safetensors(data(), {})
        sent = server.http.post("/v1/datasets", content=content, headers={"Content-Type": MEDIA_TYPE})
        set_maximum(server, used(server) + 1_000)
        job = start_job(server.http, session, dataset=sent.json()["digest"], batch_size=10, epochs=4)
        failed = wait(server.http, job, "failed")
        assert failed["error"]["code"] == "quota_exceeded"
        assert server.http.get(session).json()["step"] == failed["step"] < 20
        set_maximum(server, 10**9)
        assert server.http.post(f"{job}/resume").status_code == 202
        assert wait(server.http, job)["step"] == 20


def test_each_tenant_has_its_own(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=10**9, require_key=True) as server:
        keys = server.app.state.service.keys
        one, other = (bearer(keys.create(name, name, Scope.TRAIN)[0]) for name in ("one", "other"))
        server.http.headers.update(one)
        session = server.create_session()
        mine = used(server)
        set_maximum(server, mine)
        refused(server.http.put(f"{session}/steps/1", json=BODY))
        server.http.headers.update(other)
        assert used(server) == 0
        assert server.http.put(f"{server.create_session()}/steps/1", json=BODY).status_code in (200, 429)
        assert used(server) > 0


def test_it_is_published(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_disk_bytes=123) as server:
        assert server.http.get("/v1").json()["limits"]["tenant_max_disk_bytes"] == 123
    with in_process() as server:
        assert server.http.get("/v1").json()["limits"]["tenant_max_disk_bytes"] is None
        assert server.http.get("/v1/access").json()["quotas"]["disk_bytes"] == {"used": 0, "maximum": None}


def test_what_is_there_is_measured_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, measured = [0.0], [0]

    def measure(tenant: str) -> dict[str, int]:
        measured[0] += 1
        return {"logs": 10, "checkpoints": 20}

    monkeypatch.setattr(disk_quota, "monotonic", lambda: now[0])
    quota = DiskQuota(100, measure)
    for _ in range(7):
        quota.check("a", "a step", 10)
    assert measured[0] == 1, "30 there, and 70 let through"
    quota.check("a", "a step", 10)
    assert measured[0] == 2, "it would be too much: it is measured whether it is"
    now[0] = 2.0
    quota.check("a", "a step", 70)
    assert measured[0] == 3
    with pytest.raises(DiskQuotaError, match="a step takes 71 bytes, and this tenant has 30 of the 100 bytes"):
        quota.check("b", "a step", 71)
    DiskQuota(None, lambda _: pytest.fail("nothing is measured without a quota")).check("a", "a step", 10**30)
