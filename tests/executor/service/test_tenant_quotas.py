"""How much a tenant may have, and that nothing of another's goes for it."""

import asyncio
from pathlib import Path
from typing import Any

from asg_executor.access.principal import Scope
from executor_harness.access import bearer
from executor_harness.in_process import in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, regression_gradient


def test_a_tenant_has_at_most_as_many_sessions_as_it_may(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_sessions=1, workers=1) as server:
        session = server.create_session()
        graphs = server.http.get(session).json()["graphs"]
        body = {"graphs": graphs, "optimizer": {"kind": "sgd"}}
        refused = server.http.post("/v1/sessions", json=body)
        found = problem(refused, "quota_exceeded")
        assert (found["quota"], found["used"], found["wanted"], found["maximum"]) == ("sessions", 1, 1, 1)
        assert "retry-after" not in refused.headers
        assert refused.headers["x-should-retry"] == "false"
        # Another tenant has its own.
        token, _ = server.app.state.service.keys.create("laptop", "research", Scope.TRAIN)
        digest = server.http.post("/v1/graphs", content=REGRESSION, headers=bearer(token)).json()["digest"]
        other = server.http.post("/v1/sessions", json={"graphs": {"predict": digest}}, headers=bearer(token))
        assert other.status_code == 201
        assert server.http.delete(session).status_code == 204
        assert server.http.post("/v1/sessions", json=body).status_code == 201


def test_a_tenants_sessions_take_at_most_as_many_bytes_as_they_may(tmp_path: Path) -> None:
    # Four parameters of float32 with their backup and gradients: momentum has a slot and its backup, too.
    plain, momentum = 4 * 4 * 3, 4 * 4 * 5
    with in_process(data_dir=tmp_path, tenant_max_bytes=plain + momentum - 1, workers=1) as server:
        session = server.create_session()
        assert server.http.get("/v1/access").json()["quotas"]["bytes"] == {
            "used": plain,
            "maximum": plain + momentum - 1,
        }
        body: dict[str, Any] = {
            "graphs": server.http.get(session).json()["graphs"],
            "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        }
        found = problem(server.http.post("/v1/sessions", json=body), "quota_exceeded")
        assert (found["quota"], found["used"], found["wanted"]) == ("bytes", plain, momentum)
        assert len(server.http.get("/v1/sessions").json()["sessions"]) == 1
        body["optimizer"] = {"kind": "sgd"}
        assert server.http.post("/v1/sessions", json=body).status_code == 201


def test_sessions_that_are_being_made_count() -> None:
    with in_process(tenant_max_sessions=2, workers=2) as server:
        digest = server.add_graph(REGRESSION)

        async def all_at_once() -> list[int]:
            async with server.asynchronous() as http:
                body = {"graphs": {"predict": digest}}
                answers = await asyncio.gather(*(http.post("/v1/sessions", json=body) for _ in range(6)))
            return sorted(answer.status_code for answer in answers)

        assert server.runner.run(all_at_once()) == [201, 201, 429, 429, 429, 429]


def test_a_graph_that_one_tenant_sends_drops_none_of_anothers(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_graphs=1, workers=1) as server:
        token, _ = server.app.state.service.keys.create("laptop", "research", Scope.TRAIN)
        own = server.add_graph(REGRESSION)
        for text in (REGRESSION, regression_gradient().to_json()):
            assert server.http.post("/v1/graphs", content=text, headers=bearer(token)).status_code == 201
        assert server.http.get(f"/v1/graphs/{own}").status_code == 200
        problem(server.http.get(f"/v1/graphs/{own}", headers=bearer(token)), "unknown_graph")
