"""`/metrics` counts what was done, and a step says where its time went."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from asg_executor.engines.lookup import engine_named
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


def test_what_is_held_in_memory_and_on_the_disk_is_counted(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        assert sample(server, "asg_memory_bytes", kind="sessions") == 0
        assert sample(server, "asg_stored_bytes", kind="snapshots") == 0
        session = server.create_session()
        assert sample(server, "asg_memory_bytes", kind="sessions") > 0
        assert sample(server, "asg_memory_bytes", kind="compiled") == 0
        snapshots = sample(server, "asg_stored_bytes", kind="snapshots")
        on_disk = sum(path.stat().st_size for path in tmp_path.glob("sessions/*/snapshots/*/*"))
        assert 0 < snapshots <= on_disk
        assert server.http.put(f"{session}/steps/1", json=STEP).status_code == 200
        assert sample(server, "asg_memory_bytes", kind="compiled") > 0
        assert sample(server, "asg_stored_bytes", kind="logs") > 0
        assert server.http.post(f"{session}/checkpoints", json={"name": "best"}).status_code == 201
        assert sample(server, "asg_stored_bytes", kind="checkpoints") > 0
        assert sample(server, "asg_disk_free_bytes") > 0
        assert server.http.delete(session).status_code == 204
        for kind in ("sessions", "compiled"):
            assert sample(server, "asg_memory_bytes", kind=kind) == 0
        for kind in ("snapshots", "checkpoints", "datasets", "logs"):
            assert sample(server, "asg_stored_bytes", kind=kind) == 0


def test_a_disk_that_cannot_be_asked_hides_no_other_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise OSError("the disk is gone")

    with in_process(data_dir=tmp_path) as server:
        monkeypatch.setattr("shutil.disk_usage", fail)
        text = server.http.get("/metrics").text
    assert "asg_sessions 0.0" in text
    assert "asg_memory_bytes" in text
    assert "asg_disk_free_bytes" not in text
    assert "the disk is gone" in caplog.text


def test_what_runs_is_told(server: Server) -> None:
    assert sample(server, "asg_build_info", version=version("asgraph"), engine=engine_named("auto").name) == 1


def test_labels_are_bounded_whatever_is_asked(server: Server) -> None:
    session = server.create_session()

    def series() -> int:
        families = text_string_to_metric_families(server.http.get("/metrics").text)
        return sum(len(family.samples) for family in families)

    def ask(number: int) -> None:
        server.http.request(f"BREW{number}", "/v1")
        server.http.get(f"/nowhere/{number}")
        server.http.get(f"/v1/sessions/{number:032x}")
        server.http.put(f"{session}/steps/{number + 1}", json=STEP)

    ask(0)
    series()
    before = series()
    for number in range(1, 20):
        ask(number)
    assert series() == before


def test_the_exposition_is_as_prometheus_wants_it(server: Server) -> None:
    session = server.create_session()
    server.http.put(f"{session}/steps/1", json=STEP)
    text = server.http.get("/metrics").text
    assert text.endswith("\n")
    created = "_created"  # when a counter began, which the library adds to each
    families = [item for item in text_string_to_metric_families(text) if not item.name.endswith(created)]
    for family in families:
        assert family.type in {"counter", "gauge", "histogram"}, family
        assert family.documentation.endswith("."), family.name
        assert re.fullmatch(r"(asg|process)_[a-z_]+", family.name)
        keys = [(item.name, tuple(sorted(item.labels.items()))) for item in family.samples]
        assert len(keys) == len(set(keys))


def test_every_metric_is_documented_with_its_labels(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        assert server.http.put(f"{server.create_session()}/steps/1", json=STEP).status_code == 200
        server.http.get("/metrics")
        found: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(server.http.get("/metrics").text):
            if family.name.startswith("asg_") and not family.name.endswith("_created"):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                found[name] = {label for item in family.samples for label in item.labels} - {"le"}
    page = (Path(__file__).parents[3] / "executor" / "docs" / "operation.md").read_text()
    rows = re.findall(r"^\| `(asg_\w+)` \| ([\w, ]*?) ?\| ", page, re.MULTILINE)
    assert found == {name: set(re.findall(r"\w+", labels)) for name, labels in rows}


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
