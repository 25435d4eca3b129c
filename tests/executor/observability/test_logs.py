"""Logs: one record a line, with the ids of the request, and never a key."""

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from asg_executor.access.principal import Principal
from asg_executor.observability.logs import JsonFormatter, TextFormatter, configure_logging
from asg_executor.observability.request_facts import current_scope
from executor_harness.in_process import Server, in_process
from executor_harness.regression import regression_data
from executor_harness.server_process import serving

SECRET = "asg_0123abcd_" + "Ab3-_" * 8 + "xyz"
STEP = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}


class Lines(logging.Handler):
    """What the formatter makes of each record."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def requests(self) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["logger"] == "asg_executor.requests"]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(JsonFormatter()), logging.getLogger("asg_executor")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_each_request_has_a_record(server: Server, lines: Lines) -> None:
    session = server.create_session()
    body = json.dumps(STEP).encode()
    headers = {"X-Request-ID": "my-own:1", "Content-Type": "application/json"}
    answer = server.http.put(f"{session}/steps/1", content=body, headers=headers)
    record = lines.requests()[-1]
    assert record["timestamp"].endswith("Z")
    assert record["level"] == "info"
    assert record["message"] == "a request was answered"
    assert record["request_id"] == "my-own:1"
    assert record["session"] == session.rpartition("/")[2]
    assert record["method"] == "PUT"
    assert record["route"] == "/v1/sessions/{session_id}/steps/{number}"
    assert record["path"] == f"{session}/steps/1"
    assert record["status"] == 200
    assert record["bytes_received"] == len(body)
    assert record["bytes_sent"] == len(answer.content)
    assert 0 < record["duration_ms"] < 1e5


def test_a_path_is_no_place_to_write_into_the_log_and_a_query_is_left_out(server: Server, lines: Lines) -> None:
    server.http.get("/v1/sessions/x%0Ainjected%1b?token=secret", headers={"X-Request-ID": "two words"})
    (record,) = lines.requests()
    assert record["path"] == "/v1/sessions/x%0Ainjected%1b"
    assert "session" not in record
    assert "secret" not in lines.lines[-1]
    assert record["request_id"] != "two words"
    assert record["status"] == 404


def test_probes_are_for_those_who_debug(server: Server, lines: Lines) -> None:
    server.http.get("/healthz/ready")
    server.http.get("/metrics")
    assert [record["level"] for record in lines.requests()] == ["debug", "debug"]


def test_a_request_that_nobody_logs_costs_no_record(server: Server, lines: Lines) -> None:
    logging.getLogger("asg_executor").setLevel(logging.WARNING)
    assert server.http.get("/v1").status_code == 200
    assert lines.lines == []


def test_what_a_thread_logs_for_a_request_has_its_ids(
    server: Server, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.create_session()

    def fail(*_: object) -> None:
        raise RuntimeError(f"never show {SECRET}")

    monkeypatch.setattr("asg_executor.sessions.held_session.HeldSession.take", fail)
    answer = server.http.put(f"{session}/steps/1", json=STEP)
    assert answer.status_code == 500
    (error,) = [record for record in lines.records() if record["level"] == "error"]
    assert error["request_id"] == answer.json()["request_id"]
    assert error["session"] == session.rpartition("/")[2]
    assert error["exception"]["type"] == "builtins.RuntimeError"
    assert error["exception"]["message"] == "never show asg_0123abcd_********"
    assert "Traceback" in error["exception"]["stacktrace"]
    assert "test_logs.py" in error["exception"]["stacktrace"]


def record(message: str, *arguments: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("asg_executor", logging.WARNING, "here.py", 1, message, arguments, None)
    made.created = 1_700_000_000.25
    made.fields = fields
    return made


def test_whom_a_request_acts_for_is_named_by_the_id_of_the_key() -> None:
    state = {"request_id": "r", "principal": Principal("research", frozenset(), "0123abcd")}
    token = current_scope.set({"type": "http", "state": state})
    try:
        found = json.loads(JsonFormatter().format(record("hello %s", "world", steps=3)))
    finally:
        current_scope.reset(token)
    assert found == {
        "timestamp": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "asg_executor",
        "message": "hello world",
        "request_id": "r",
        "tenant": "research",
        "key": "0123abcd",
        "steps": 3,
    }


def test_text_is_a_line_for_a_person() -> None:
    line = TextFormatter().format(record("hello", steps=3))
    assert line == "2023-11-14T22:13:20.250Z WARNING asg_executor hello steps=3"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
@pytest.mark.parametrize("message", [f"key {SECRET}", f"Authorization: Bearer {SECRET}", "bearer some.other-token=="])
def test_no_key_is_written(formatter: logging.Formatter, message: str) -> None:
    line = formatter.format(record(message, header=message))
    assert SECRET[14:] not in line
    assert "some.other" not in line
    assert line.count("********") == 2


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert json.loads(JsonFormatter().format(record("\ud800\n\x1b")))["message"] == "\ud800\n\x1b"
    assert JsonFormatter().format(record("\ud800\n")).isascii()


@pytest.mark.parametrize(
    ("format", "terminal", "kind"),
    [
        ("auto", True, TextFormatter),
        ("auto", False, JsonFormatter),
        ("json", True, JsonFormatter),
        ("text", False, TextFormatter),
    ],
)
def test_the_format_follows_the_terminal_unless_it_is_given(
    format: Any, terminal: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(logging, "basicConfig", made.update)
    configure_logging("info", format)
    assert made["level"] == "INFO"
    assert type(made["handlers"][0].formatter) is kind


def test_a_process_logs_json_and_no_secret() -> None:
    with serving(["--log-level", "debug"], {**os.environ, "ASG_PROT": "17"}) as process:
        headers = {"Authorization": f"Bearer {SECRET}", "X-Request-ID": "abc"}
        httpx.post(f"{process.url}/v1/graphs?key={SECRET}", content=b"{}", headers=headers)
        httpx.get(f"{process.url}/v1/graphs/{SECRET}", headers=headers)
        process.popen.terminate()
        assert process.popen.wait(60) == 0
        assert process.popen.stderr is not None
        text = process.popen.stderr.read()
    records = [json.loads(line) for line in text.splitlines()]
    assert SECRET[14:] not in text
    assert {"asg_executor.requests", "uvicorn.error"} <= {record["logger"] for record in records}
    statuses = [record["status"] for record in records if record.get("request_id") == "abc" and "status" in record]
    assert len(statuses) == 2
    (warning,) = [record["message"] for record in records if record["level"] == "warning"]
    assert warning == 'ASG_PROT is no setting and is ignored; did you mean "ASG_PORT"?'


def test_the_records_of_several_requests_are_not_mixed_up(lines: Lines) -> None:
    with in_process(workers=2) as server:
        for name in ("one", "two"):
            server.http.get("/v1/sessions", headers={"X-Request-ID": name})
    assert [record["request_id"] for record in lines.requests()] == ["one", "two"]
