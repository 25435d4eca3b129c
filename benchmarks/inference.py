"""Requests per second and latencies of `/v2` inference, beside a bare echo of the same bytes and beside MLServer.

MLServer reads no binary tensors over HTTP (its release 1.7.1), so that it gets JSON; there is a column of ours for the
same bytes. The echo gets the bytes of our binary requests, and answers all of them; the models answer 10 floats a row.
Each server is one process, with as many BLAS threads as `asg serve` has by default: with more than there are idle cores
products take ten times as long, in either server. The load generator is one more process on the same cores.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

import asg_builder as asg
from asg_builder import nn
from asg_builder.client import Client
from asg_executor.blas import default_blas_threads
from asg_executor.settings import Settings
from asg_schema.document import Document

__all__ = ["bench_inference"]

OURS, OURS_JSON, ECHO, MLSERVER = "ASG", "ASG, JSON", "FastAPI echo", "MLServer, JSON"
_WIDTHS = (784, 512, 256, 10)
_ENVIRONMENT = Path(".venv-mlserver")
_RUNTIME = Path(__file__).parent / "peers" / "mlserver_mlp"
_ROUNDS = 5
_START_SECONDS = 60
_TIMED_REQUESTS = 200
_BLAS_VARIABLE = "ASG_BLAS_THREADS"


class _Target(NamedTuple):
    """Where requests go.

    Attributes:
        port: the server's port on this machine.
        path: the path of the URL.
    """

    port: int
    path: str


class _Load(NamedTuple):
    """What one run of the load generator found; latencies in milliseconds."""

    requests_per_second: float
    p50: float
    p99: float


def _document() -> Document:
    with asg.graph("mlp") as g:
        x = asg.input("x", ("batch", _WIDTHS[0]))
        layers: list[nn.Module] = []
        for index in range(len(_WIDTHS) - 1):
            layers.append(nn.Linear(_WIDTHS[index], _WIDTHS[index + 1]))
            if index < len(_WIDTHS) - 2:
                layers.append(nn.ReLU())
        g.output(y=nn.Sequential(*layers)(x))
    return g.document()


@contextmanager
def _process(command: list[str], environment: Mapping[str, str] | None = None) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _echo() -> Generator[_Target]:
    with _process([sys.executable, "-m", "benchmarks.peers.fastapi_echo"]) as process:
        assert process.stdout is not None
        yield _Target(int(process.stdout.readline()), "/echo")


@contextmanager
def _mlserver(weights: Mapping[str, np.ndarray[Any, Any]], threads: str) -> Generator[_Target]:
    """MLServer in one process, as it is fastest for a model as small as this one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights.npz")
        named: dict[str, Any] = {}
        for index in range(len(_WIDTHS) - 1):
            named[f"weight{index}"] = weights[f"sequential.{2 * index}.weight"].T  # [in, out]
            named[f"bias{index}"] = weights[f"sequential.{2 * index}.bias"]
        np.savez(file, **named)
        (http, grpc, metrics) = (_free_port() for _ in range(3))
        settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics}
        Path(folder, "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
        model = {"name": "mlp", "implementation": "runtime.MultilayerPerceptron"}
        Path(folder, "model-settings.json").write_text(json.dumps(model))
        Path(folder, "runtime.py").write_text((_RUNTIME / "runtime.py").read_text())
        environment = {**os.environ, "MLP_WEIGHTS": str(file), "OPENBLAS_NUM_THREADS": threads}
        with _process([str((_ENVIRONMENT / "bin" / "mlserver").absolute()), "start", folder], environment):
            _await_ready(f"http://127.0.0.1:{http}/v2/models/mlp/ready")
            yield _Target(http, "/v2/models/mlp/infer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _await_ready(url: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.2)
    raise RuntimeError(f"{url} was not ready after {_START_SECONDS} seconds")


class _Message(NamedTuple):
    """A request: its body, and how many bytes of it are JSON; None for all."""

    body: bytes
    header_length: int | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say what the body is."""
        if self.header_length is None:
            return {"Content-Type": "application/json"}
        return {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(self.header_length),
        }

    def head(self, target: _Target) -> str:
        """The request line and the headers."""
        lines = {"Host": f"127.0.0.1:{target.port}", "Content-Length": str(len(self.body)), **self.headers}
        named = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {target.path} HTTP/1.1\r\n{named}\r\n"


def _binary(x: np.ndarray[Any, Any]) -> _Message:
    tensor = {"name": "x", "shape": x.shape, "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}
    outputs = [{"name": "y", "parameters": {"binary_data": True}}]
    header = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
    return _Message(header + x.tobytes(), len(header))


def _json(x: np.ndarray[Any, Any]) -> _Message:
    tensor = {"name": "x", "shape": x.shape, "datatype": "FP32", "data": x.reshape(-1).tolist()}
    return _Message(json.dumps({"inputs": [tensor]}).encode(), None)


def _check(target: _Target, message: _Message, expected: np.ndarray[Any, Any]) -> None:
    """Find that a server computes the same."""
    url = f"http://127.0.0.1:{target.port}{target.path}"
    answer = httpx.post(url, content=message.body, headers=message.headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{url} answered {answer.status_code}: {answer.text[:500]}")
    if message.header_length is None:
        found = np.array(answer.json()["outputs"][0]["data"], np.float32)
    else:
        found = np.frombuffer(answer.content[-expected.nbytes :], np.float32)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-3, atol=1e-4)


def _generate(target: _Target, message: _Message, connections: int, seconds: float) -> _Load:
    with tempfile.NamedTemporaryFile() as file:
        file.write(message.body)
        file.flush()
        job: dict[str, Any] = {"port": target.port, "head": message.head(target), "body": file.name}
        job.update(connections=connections, seconds=seconds)
        command = [sys.executable, "-m", "benchmarks.load_generator", json.dumps(job)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return _Load(**json.loads(done.stdout))


def _computing(target: _Target, message: _Message) -> float:
    """How long the computation of a request takes in the server, in milliseconds: what no protocol can spare."""
    url = f"http://127.0.0.1:{target.port}{target.path}"
    found: list[float] = []
    with httpx.Client() as client:
        for _ in range(_TIMED_REQUESTS):
            timing = client.post(url, content=message.body, headers=message.headers).headers["Server-Timing"]
            found += [float(phase.partition("dur=")[2]) for phase in timing.split(", ") if phase.startswith("infer;")]
    return median(found)


@contextmanager
def _threads_of_a_service() -> Generator[str]:
    """As many BLAS threads as a service for many clients has by default, not all of them, as one for itself alone."""
    before = os.environ.get(_BLAS_VARIABLE)
    count = os.environ[_BLAS_VARIABLE] = str(default_blas_threads(Settings().workers) or 1)
    try:
        yield count
    finally:
        del os.environ[_BLAS_VARIABLE]
        if before is not None:
            os.environ[_BLAS_VARIABLE] = before


def _cell(loads: list[_Load]) -> str:
    rate, p50, p99 = (median(getattr(load, name) for load in loads) for name in _Load._fields)
    return f"{rate:,.0f}/s  {p50:.2f} / {p99:.2f}"


def bench_inference(console: Console, seconds: float) -> None:
    """Print a table: for each load and server the medians of the rounds: requests per second, p50 and p99 in ms.

    The ratios are medians, too: in each round the servers are asked one after the other.

    Args:
        console: where it is printed.
        seconds: how long each server is under each load, in all.
    """
    table = Table(title="Inference on an MLP 784-512-256-10: requests/s, p50 / p99 in ms", title_justify="left")
    has_mlserver = (_ENVIRONMENT / "bin" / "mlserver").exists()
    columns = (OURS, ECHO, OURS_JSON, MLSERVER, "p50 to the echo's", "of it computing", "requests/s to MLServer's")
    for name in ("load", *columns):
        table.add_column(name, justify="left" if name == "load" else "right")
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        threads = stack.enter_context(_threads_of_a_service())
        client = stack.enter_context(Client.local())
        session = client.create_session({"predict": _document()}, seed=0)
        ours = _Target(int(client.url.rpartition(":")[2]), f"/v2/models/{session.id}/infer")
        targets = {OURS: ours, ECHO: stack.enter_context(_echo()), OURS_JSON: ours}
        if has_mlserver:
            targets[MLSERVER] = stack.enter_context(_mlserver(session.parameters(), threads))
        for rows in (1, 32):
            x = rng.standard_normal((rows, _WIDTHS[0])).astype(np.float32).round(4)
            messages = {name: _json(x) if name in (OURS_JSON, MLSERVER) else _binary(x) for name in targets}
            expected = session.run("predict", x=x)["y"]
            for name in targets.keys() - {ECHO}:
                _check(targets[name], messages[name], expected)
            computing = _computing(ours, messages[OURS])
            sizes = f"{len(messages[OURS].body) / 1e3:.0f} kB, JSON {len(messages[OURS_JSON].body) / 1e3:.0f} kB"
            for connections in (1, 8):
                loads: dict[str, list[_Load]] = {name: [] for name in targets}
                for _ in range(_ROUNDS):
                    for name, target in targets.items():
                        loads[name].append(_generate(target, messages[name], connections, seconds / _ROUNDS))
                table.add_row(f"batch {rows} ({sizes}), {connections} at a time", *_row(loads, computing))
    console.print(table)
    if not has_mlserver:
        console.print(f"MLServer is not installed in {_ENVIRONMENT}; `make bench` does that where it can.")


def _row(loads: Mapping[str, list[_Load]], computing: float) -> list[str]:
    cells = [_cell(loads[name]) if name in loads else "not installed" for name in (OURS, ECHO, OURS_JSON, MLSERVER)]
    cells.append(f"{median(own.p50 / echo.p50 for own, echo in zip(loads[OURS], loads[ECHO], strict=True)):.2f}")
    cells.append(f"{computing:.2f} ms")
    if MLSERVER not in loads:
        return [*cells, ""]
    binary, both = (
        median(
            own.requests_per_second / other.requests_per_second
            for own, other in zip(loads[name], loads[MLSERVER], strict=True)
        )
        for name in (OURS, OURS_JSON)
    )
    return [*cells, f"{binary:.1f}; JSON both {both:.1f}"]
