"""`/metrics` counts what was done, and a step says where its time went."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from executor_harness.in_process import Server, in_process
from executor_harness.regression import regression_data

STEP = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}


def sample(server: Server, name: str, **labels: str) -> float:
    text = server.http.get("/metrics").text
    found = [
        item.value
        for family in text_string_to_metric_families(text)
        for item in family.samples
        if item.name == name and item.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else 0.0


def test_requests_are_counted_by_route_and_not_by_id(server: Server) -> None:
    session = server.create_session()
    for number in (1, 2):
        assert server.http.put(f"{session}/steps/{number}", json=STEP).status_code == 200
    server.http.put(f"{session}/steps/9", json=STEP)
    server.http.get("/nowhere")
    route = "/v1/sessions/{session_id}/steps/{number}"
    assert sample(server, "asg_http_requests_total", method="PUT", route=route, status="200") == 2
    assert sample(server, "asg_http_requests_total", method="PUT", route=route, status="409") == 1
    assert sample(server, "asg_http_requests_total", method="GET", route="", status="404") == 1
    assert sample(server, "asg_http_request_duration_seconds_count", method="PUT", route=route) == 3
    assert session.rpartition("/")[2] not in server.http.get("/metrics").text


def test_steps_are_timed_by_phase_and_repeated_ones_are_not_counted(server: Server) -> None:
    session = server.create_session()
    answer = server.http.put(f"{session}/steps/1", json=STEP)
    server.http.put(f"{session}/steps/1", json=STEP)
    for phase in ("queue", "load", "run", "persist"):
        assert sample(server, "asg_step_duration_seconds_count", phase=phase) == 1
    pattern = r"queue;dur=[\d.]+, load;dur=[\d.]+, run;dur=[\d.]+, persist;dur=[\d.]+"
    assert re.fullmatch(pattern, answer.headers["Server-Timing"])


def test_sessions_and_bytes_are_counted(server: Server) -> None:
    assert sample(server, "asg_sessions") == 0
    session = server.create_session()
    assert sample(server, "asg_sessions") == 1
    received = sample(server, "asg_http_request_bytes_total")
    content = b'{"inputs": {}}'
    server.http.put(f"{session}/steps/1", content=content)
    assert sample(server, "asg_http_request_bytes_total") == received + len(content)
    assert sample(server, "asg_http_response_bytes_total") > 0
    assert sample(server, "process_resident_memory_bytes") > 1e6


def test_damaged_sessions_are_counted(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        server.create_session()
    (path,) = tmp_path.glob("sessions/*/session.json")
    path.unlink()
    with in_process(data_dir=tmp_path) as server:
        assert sample(server, "asg_damaged_sessions") == 1
        assert sample(server, "asg_sessions") == 0


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/openmetrics-text"])
def test_any_prometheus_can_read_it(server: Server, accept: str) -> None:
    response = server.http.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")


def test_a_token_opens_the_metrics_and_nothing_else() -> None:
    token = "a-token-for-prometheus"
    with in_process(metrics_token=token, require_key=True) as server:

        def status(path: str, header: str | None) -> int:
            return server.http.get(path, headers={} if header is None else {"Authorization": header}).status_code

        assert status("/metrics", f"Bearer {token}") == 200
        assert status("/metrics", None) == 401
        assert status("/metrics", f"Bearer {token}x") == 401
        assert status("/metrics", f"Bearer {token[:-1]}") == 401
        assert status("/metrics", token) == 401
        assert status("/v1/sessions", f"Bearer {token}") == 401


def test_without_a_token_none_opens_the_metrics() -> None:
    with in_process(require_key=True) as server:
        for header in ("Bearer ", "Bearer None", "Bearer **********"):
            assert server.http.get("/metrics", headers={"Authorization": header}).status_code == 401
