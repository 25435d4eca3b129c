"""A service that keeps what it has, and a session with data sets to train on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from executor_harness.in_process import Server, in_process
from executor_harness.jobs import Setup


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path, workers=2) as server:
        yield server


@pytest.fixture
def setup(server: Server) -> Iterator[Setup]:
    yield Setup(server)
    for job in server.http.get("/v1/jobs").json()["jobs"]:
        server.http.post(f"/v1/jobs/{job['id']}/cancel")
