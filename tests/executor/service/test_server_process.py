"""A real server process: training by plain HTTP and JSON, draining on SIGTERM, dying with its parent."""

import http.client
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import safetensors.numpy

from asg_executor.engines.lookup import engine_named
from executor_harness.command import asg
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, descend, regression_data
from executor_harness.server_process import ASG, Process, serving

# A step of a few seconds on any machine: matrices to high powers.
SLOW: dict[str, Any] = {
    "asg": 1,
    "inputs": [{"id": "x", "dtype": "float64", "shape": ["n", "n"]}],
    "parameters": [{"id": "count", "dtype": "float64", "shape": [], "trainable": False}],
    "nodes": [
        {"id": "p0", "op": "matmul", "inputs": ["x", "x"]},
        *({"id": f"p{index}", "op": "matmul", "inputs": [f"p{index - 1}", "x"]} for index in range(1, 150)),
        {"id": "sum", "op": "sum", "inputs": ["p149"]},
        {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1.0},
        {"id": "next", "op": "add", "inputs": ["count", "one"]},
    ],
    "outputs": [
        {"name": "sum", "value": "sum"},
        {"name": "count.next", "value": "next", "role": {"kind": "state_update", "of": "count"}},
    ],
}


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with serving() as process:
        yield process


def call(url: str, method: str, body: Any = None) -> Any:
    """A request as any language can send it."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def test_the_hand_written_document_is_trained_over_http_with_nothing_but_json(process: Process, tmp_path: Path) -> None:
    file = tmp_path / "regression.json"
    file.write_text(REGRESSION)
    gradient = subprocess.run([*ASG, "grad", str(file)], check=True, capture_output=True).stdout
    graphs = {
        "predict": call(f"{process.url}/v1/graphs", "POST", REGRESSION.encode())["digest"],
        "train": call(f"{process.url}/v1/graphs", "POST", gradient)["digest"],
    }
    request = {"graphs": graphs, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "seed": 0}
    session = f"{process.url}/v1/sessions/{call(f'{process.url}/v1/sessions', 'POST', request)['id']}"
    start = call(f"{session}/parameters", "GET")["parameters"]
    data = regression_data()
    inputs = {name: array.tolist() for name, array in data.items()}
    losses = [
        call(f"{session}/steps/{number}", "PUT", {"inputs": inputs})["outputs"]["loss"]["data"][0]
        for number in range(1, 101)
    ]
    trained = call(f"{session}/parameters", "GET")
    assert trained["step"] == 100
    weight, bias = (np.array(start[name]["data"]).reshape(start[name]["shape"]) for name in ("weight", "bias"))
    weight, bias = descend(weight, bias, data, 0.1, 100)
    np.testing.assert_allclose(trained["parameters"]["weight"]["data"], weight.ravel(), rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(trained["parameters"]["bias"]["data"], bias, rtol=2e-6, atol=2e-6)
    assert losses[-1] < losses[0] / 10
    x = [[1.0, 2.0, 3.0]]
    prediction = call(f"{session}/run", "POST", {"graph": "predict", "inputs": {"x": x}})["outputs"]["prediction"]
    np.testing.assert_allclose(prediction["data"], (np.array(x) @ weight + bias).ravel(), rtol=1e-5)


def test_a_body_that_is_too_large_is_answered_without_being_read() -> None:
    environment = {**os.environ, "ASG_MAX_BODY_BYTES": "1000"}
    with serving(environment=environment) as process:
        response = httpx.post(f"{process.url}/v1/graphs", content=b" " * 10_000_000)
        problem(response, "body_too_large")
        # One that only claims to be large is refused before it comes.
        connection = http.client.HTTPConnection(process.url.removeprefix("http://"), timeout=30)
        connection.putrequest("POST", "/v1/graphs")
        connection.putheader("Content-Length", str(2**40))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()
        assert httpx.get(f"{process.url}/healthz/ready").status_code == 200


def slow_session(process: Process) -> str:
    digest = httpx.post(f"{process.url}/v1/graphs", json=SLOW).json()["digest"]
    created = httpx.post(f"{process.url}/v1/sessions", json={"graphs": {"train": digest}})
    return f"{process.url}{created.headers['Location']}"


def test_sigterm_finishes_the_step_in_flight_and_refuses_new_ones() -> None:
    with serving(environment={**os.environ, "ASG_DRAIN_SECONDS": "300"}) as process:
        session = slow_session(process)
        body = {"inputs": {"x": (np.eye(700) / 2).tolist()}}
        answers: list[httpx.Response] = []
        # The connection exists before the signal, as a client's does.
        with httpx.Client(timeout=120) as other:
            other.get(f"{process.url}/healthz/live")
            thread = threading.Thread(
                target=lambda: answers.append(httpx.put(f"{session}/steps/1", json=body, timeout=120))
            )
            thread.start()
            wait_until_busy(other, process.url)
            process.popen.send_signal(signal.SIGTERM)
            refused = None
            while refused is None:
                ready = other.get(f"{process.url}/healthz/ready")
                refused = ready if ready.status_code == 503 else None
            assert refused.json() == {"ready": False}
            problem(other.put(f"{session}/steps/2", json={"inputs": {"x": [[1]]}}), "draining")
        thread.join(120)
        assert answers[0].status_code == 200
        assert answers[0].json()["step"] == 1
        assert process.popen.wait(60) == 0


def test_a_step_whose_connection_is_cut_is_finished_and_answered_again() -> None:
    with serving() as process:
        session = slow_session(process)
        body = {"inputs": {"x": (np.eye(600) / 2).tolist()}}
        content = json.dumps(body).encode()
        address = urlsplit(session)
        with httpx.Client(timeout=120) as other:
            with socket.create_connection((str(address.hostname), address.port or 0), timeout=60) as connection:
                head = f"PUT {address.path}/steps/1 HTTP/1.1\r\nHost: {address.netloc}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
                connection.sendall(head.encode() + content)
                wait_until_busy(other, process.url)
            again = other.put(f"{session}/steps/1", json=body)
            assert again.status_code == 200
            assert again.headers["Idempotent-Replayed"] == "true"
            assert other.get(session).json()["step"] == 1
            problem(other.put(f"{session}/steps/1", json={"inputs": {"x": [[1.0]]}}), "step_mismatch")


def test_a_step_that_takes_too_long_does_not_keep_the_server_alive() -> None:
    with serving(environment={**os.environ, "ASG_DRAIN_SECONDS": "0.1"}) as process:
        session = slow_session(process)
        body = {"inputs": {"x": (np.eye(1500) / 2).tolist()}}
        answers: list[httpx.Response] = []

        def send() -> None:
            answers.append(httpx.put(f"{session}/steps/1", json=body, timeout=120))

        thread = threading.Thread(target=send)
        thread.start()
        with httpx.Client() as other:
            wait_until_busy(other, process.url)
        process.popen.send_signal(signal.SIGTERM)
        # A tenth of a second to drain; then the step, which would take longer, is stopped at its next instruction.
        assert process.popen.wait(60) == 3
        thread.join(60)
        assert "was stopped and has changed nothing" in problem(answers[0], "draining")["detail"]


def wait_until_busy(http: httpx.Client, url: str) -> None:
    """Wait until the server has taken on a request, which it then finishes whatever signal comes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if "\nasg_admitted_requests 1.0\n" in http.get(f"{url}/metrics").text:
            return
    raise AssertionError("no request was seen in the server")


def test_a_server_ends_with_its_parent_even_when_that_is_killed() -> None:
    parent = (
        "import subprocess, sys, time\n"
        "server = subprocess.Popen([*sys.argv[1:], 'serve', '--port', '0', '--announce-json', '--exit-with-parent'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "print(server.pid, server.stdout.readline().decode(), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent, *ASG], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, _, announced = process.stdout.readline().partition(" ")
        port = int(json.loads(announced)["url"].rpartition(":")[2])
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and Path(f"/proc/{pid}/stat").exists():
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.fixture
def hang_up_is_heard() -> Iterator[None]:
    """Children ignore what their parent ignores, and below `nohup` that is the end of the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up_is_heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_idle_server_stops_at_once_and_cleanly(number: signal.Signals) -> None:
    with serving() as process:
        process.popen.send_signal(number)
        assert process.popen.wait(30) == 0
        assert process.popen.stderr is not None
        assert process.popen.stderr.read() == ""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_requests_reuse_the_memory_of_those_before_them(process: Process) -> None:
    """Each page that the kernel hands out anew is a fault; a request of 4 MB took thousands of them."""
    document = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "nodes": [{"id": "y", "op": "negative", "inputs": ["x"]}],
        "outputs": [{"name": "y", "value": "y"}],
    }
    digest = call(f"{process.url}/v1/graphs", "POST", document)["digest"]
    body = safetensors.numpy.save({"x": np.zeros(1_000_000, np.float32)})
    headers = {"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"}

    def faults() -> int:
        return int(Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()[7])

    with httpx.Client(timeout=60) as http:
        counts = [faults()]
        for _ in range(20):
            assert http.post(f"{process.url}/v1/graphs/{digest}/run", content=body, headers=headers).is_success
            counts.append(faults())
    pages = len(body) // os.sysconf("SC_PAGESIZE")
    assert counts[-1] - counts[10] < 10 * pages


def test_a_second_signal_does_not_wait() -> None:
    with serving() as process:
        session = slow_session(process)
        body = {"inputs": {"x": (np.eye(1500) / 2).tolist()}}

        def send() -> None:
            with suppress(httpx.HTTPError):  # the server may go before it has answered
                httpx.put(f"{session}/steps/1", json=body, timeout=120)

        thread = threading.Thread(target=send)
        thread.start()
        with httpx.Client() as other:
            wait_until_busy(other, process.url)
            process.popen.send_signal(signal.SIGTERM)
            while other.get(f"{process.url}/healthz/ready").status_code == 200:
                pass
        process.popen.send_signal(signal.SIGTERM)
        # It had 30 seconds to drain.
        assert process.popen.wait(25) == 3
        thread.join(20)


def test_a_server_that_should_outlive_its_terminal_does() -> None:
    command = ["nohup", *ASG, "serve", "--port", "0", "--announce-json"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        process.send_signal(signal.SIGHUP)
        assert httpx.get(f"{url}/healthz/ready").status_code == 200
        process.terminate()
        assert process.wait(30) == 0


def test_a_person_reads_where_the_server_listens_and_what_it_has(tmp_path: Path) -> None:
    command = [*ASG, "serve", "--port", "0", "--data-dir", str(tmp_path), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().rstrip() for _ in range(5)]
            url = next(word for word in lines[0].split() if word.startswith("http://"))
            assert lines[0] == f"ASG executor {version('asgraph')} on {url} (Ctrl+C stops it)"
            rows = dict(line.strip().split(maxsplit=1) for line in lines[1:])
            assert rows["documentation"] == f"{url}/docs"
            assert rows["data"] == f"{tmp_path}, 0 sessions"
            assert rows["engine"] == f"{engine_named('auto').name}, 2 at a time"
            assert httpx.get(rows["documentation"]).status_code == 200
        finally:
            process.terminate()


def test_a_directory_that_nobody_finds_again_is_said_to_be_removed_and_is() -> None:
    with subprocess.Popen([*ASG, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(5))
        (path,) = re.findall(r"data +(\S+) \(removed at the end\), 0 sessions", text)
        assert Path(path).is_dir()
        process.terminate()
        assert process.wait(30) == 0
        assert not Path(path).exists()


def test_a_local_server_is_not_reached_under_a_foreign_name(process: Process) -> None:
    problem(httpx.get(f"{process.url}/v1", headers={"Host": "evil.example"}), "unknown_host")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--host", "0.0.0.0"], 2, "--allow-remote"),
        (["--host", "example.org"], 2, "--allow-remote"),
        (["--port", "65536"], 2, "port"),
        (["--workers", "0"], 2, "--workers"),
        (["--log-level", "loud"], 2, "--log-level"),
        (["--engine", "nunpy"], 2, 'mean "numpy"'),
        (["--prot", "1"], 2, "--prot"),
    ],
    ids=str,
)
def test_wrong_usage(
    options: list[str], status: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asg(capsys, tmp_path, "serve", *options)
    assert found.returncode == status
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_that_is_taken(process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = process.url.rpartition(":")[2]
    found = asg(capsys, tmp_path, "serve", "--port", port)
    assert found.returncode == 1
    expected = f"asg: cannot listen on 127.0.0.1:{port}: Address already in use; --port 0 takes a free port\n"
    assert found.stderr == expected


def test_a_setting_of_the_environment_is_named_as_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASG_MAX_QUEUE", "-1")
    found = asg(capsys, tmp_path, "serve")
    assert found.returncode == 2
    assert "ASG_MAX_QUEUE: Input should be greater than or equal to 0, not '-1'" in found.stderr


def test_other_machines_may_reach_it_when_that_is_asked_for() -> None:
    with serving(["--host", "0.0.0.0", "--allow-remote"]) as process:
        port = process.url.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/healthz/live").status_code == 200
