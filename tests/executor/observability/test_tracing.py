"""Traces: a span for each request, within the client's trace, and each step of a job, with the phases of the step."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from asg_executor.app import create_app
from asg_executor.observability.tracing import Tracing
from asg_executor.settings import Settings
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import add_dataset, create_session, data, start_job, wait
from executor_harness.regression import regression_data, regression_gradient
from executor_harness.server_process import serving

STEP = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


def spans_of(requests: Any, tracing: Tracing) -> Any:
    """What `requests` returns, which is called with a client of a traced application."""

    async def run() -> Any:
        app = create_app(Settings(), tracing=tracing)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            found = await requests(http)
        app.state.service.pool.close()
        return found

    return asyncio.run(run())


async def train(http: httpx.AsyncClient) -> str:
    """Take a step within the client's trace; the session's path."""
    graph = (await http.post("/v1/graphs", content=regression_gradient().to_json())).json()["digest"]
    body = {"graphs": {"train": graph}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    session = (await http.post("/v1/sessions", json=body)).headers["Location"]
    answer = await http.put(f"{session}/steps/1", json=STEP, headers={**TRACEPARENT, "X-Request-ID": "mine"})
    assert answer.status_code == 200
    return session


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider)


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return found


def test_a_step_is_a_span_within_the_clients_trace_and_its_phases_are_spans_within_it(
    exporter: InMemorySpanExporter, tracing: Tracing
) -> None:
    session = spans_of(train, tracing)
    request = named(exporter, "PUT /v1/sessions/{session_id}/steps/{number}")
    assert request.context is not None
    assert request.context.trace_id == int(TRACE, 16)
    assert request.parent is not None
    assert request.parent.span_id == int(PARENT, 16)
    assert request.kind is SpanKind.SERVER
    assert request.status.status_code is StatusCode.UNSET
    attributes = dict(request.attributes or {})
    assert attributes["http.request.method"] == "PUT"
    assert attributes["http.route"] == "/v1/sessions/{session_id}/steps/{number}"
    assert attributes["http.response.status_code"] == 200
    assert attributes["url.path"] == f"{session}/steps/1"
    assert attributes["asg.session.id"] == session.rpartition("/")[2]
    assert attributes["asg.request.id"] == "mine"
    assert "error.type" not in attributes
    phases = [named(exporter, f"step {phase}") for phase in ("load", "queue", "run", "persist")]
    for phase in phases:
        assert phase.parent is not None
        assert phase.parent.span_id == request.context.span_id
    for before, after in pairwise(phases):
        assert before.end_time == after.start_time
    times = [time for phase in phases for time in (phase.start_time, phase.end_time)]
    assert times == sorted(times, key=lambda time: time or 0)
    assert (request.start_time or 0) <= (times[0] or 0) + 1_000_000  # two clocks: one counts, one tells the time
    assert (times[-1] or 0) <= (request.end_time or 0)


def test_each_step_of_a_job_is_a_trace_of_its_own(
    exporter: InMemorySpanExporter, tracing: Tracing, tmp_path: Path
) -> None:
    with in_process(data_dir=tmp_path, tracing=tracing) as server:
        session = create_session(server.http)
        digest = add_dataset(server.http, data(length=12))
        job = start_job(server.http, session, dataset=digest, epochs=1, batch_size=4)
        wait(server.http, job)
    steps = [span for span in exporter.get_finished_spans() if span.name == "job step"]
    assert [dict(span.attributes or {})["asg.step"] for span in steps] == [1, 2, 3]
    for span in steps:
        assert span.parent is None
        attributes = dict(span.attributes or {})
        assert attributes["asg.job.id"] == job.rpartition("/")[2]
        assert attributes["asg.session.id"] == session.rpartition("/")[2]
        assert span.context is not None
        within = [item for item in exporter.get_finished_spans() if item.parent == span.context]
        run, persist = sorted(within, key=lambda item: item.start_time or 0)
        assert (run.name, persist.name) == ("step run", "step persist")
        assert abs((run.start_time or 0) - (span.start_time or 0)) <= 2  # each duration is rounded by itself
        assert persist.end_time == span.end_time


def test_errors_of_the_server_are_errors_and_those_of_the_client_are_not(
    exporter: InMemorySpanExporter, tracing: Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    async def requests(http: httpx.AsyncClient) -> None:
        session = await train(http)
        monkeypatch.setattr("asg_executor.sessions.held_session.HeldSession.take", fail)
        exporter.clear()
        assert (await http.put(f"{session}/steps/2", json=STEP)).status_code == 500
        assert (await http.get("/nowhere")).status_code == 404
        assert (await http.request("BREW", "/nowhere")).status_code == 404

    spans_of(requests, tracing)
    failed = named(exporter, "PUT /v1/sessions/{session_id}/steps/{number}")
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "500"
    assert named(exporter, "GET").status.status_code is StatusCode.UNSET
    assert (named(exporter, "HTTP").attributes or {})["http.request.method"] == "_OTHER"


def test_without_a_wish_no_part_of_opentelemetry_that_makes_spans_is_imported() -> None:
    program = (
        "import sys\n"
        "from asg_executor.app import create_app\n"
        "create_app()\n"
        "parts = ('opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "assert not [name for name in sys.modules if name.startswith(parts)]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_missing_is_named() -> None:
    program = (
        "import sys\n"
        "sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
        "sys.argv = ['asg', 'serve', '--port', '0']\n"
        "from asg_schema.cli import main\n"
        "main()\n"
    )
    environment = {**os.environ, "ASG_TELEMETRY": "true"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert 'pip install "asgraph[telemetry]"' in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def collector() -> Generator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A place that OTLP is sent to: its URL, and what came."""
    came: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join(30)


def test_a_process_sends_its_spans_before_it_ends_and_its_log_names_them() -> None:
    with collector() as (endpoint, came):
        own = {"ASG_TELEMETRY": "true", "ASG_LOG_LEVEL": "info", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        with serving(environment={**os.environ, **own, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}) as process:
            httpx.get(f"{process.url}/v1", headers={**TRACEPARENT, "X-Request-ID": "mine"})
            process.popen.terminate()
            assert process.popen.wait(60) == 0
            assert process.popen.stderr is not None
            records = [json.loads(line) for line in process.popen.stderr.read().splitlines()]
    spans = [(group.resource, span) for request in came for group in request.resource_spans for span in _spans(group)]
    (resource, span) = next((resource, span) for resource, span in spans if span.name == "GET /v1")
    names = {item.key: item.value.string_value for item in resource.attributes}
    assert names["service.name"] == "asg-executor"
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == PARENT
    (record,) = [record for record in records if record.get("request_id") == "mine"]
    assert (record["trace_id"], record["span_id"]) == (TRACE, span.span_id.hex())


def _spans(group: Any) -> list[Any]:
    return [span for scope in group.scope_spans for span in scope.spans]


def test_an_untraced_step_is_taken(server: Server) -> None:
    session = server.create_session()
    assert server.http.put(f"{session}/steps/1", json=STEP, headers=TRACEPARENT).status_code == 200
