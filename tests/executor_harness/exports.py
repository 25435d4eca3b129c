"""What the tests of exports share: a service that may export, sessions with a checkpoint at a URL."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from executor_harness.in_process import Server, in_process
from executor_harness.regression import regression_data

__all__ = ["ADAM", "body", "export", "exported", "exporting", "names", "take", "take_in"]

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9}


def body(number: int) -> dict[str, Any]:
    """The body of a step, whose data follows from its number."""
    return {"inputs": {name: value.tolist() for name, value in regression_data(seed=number).items()}}


def take(server: Server, session: str, *numbers: int) -> None:
    """Take these steps of a session."""
    for number in numbers:
        response = server.http.put(f"{session}/steps/{number}", json=body(number))
        assert response.status_code == 200, response.text


@contextmanager
def exporting(tmp_path: Path, **settings: Any) -> Generator[Server]:
    """A service that may export below a directory, and to memory."""
    urls = (f"file://{tmp_path}/exports/", "memory://bucket/")
    with in_process(data_dir=tmp_path / "data", export_urls=urls, **settings) as server:
        yield server


def exported(server: Server, url: str, steps: int = 2) -> str:
    """A session that took steps, and whose checkpoint `good` is at the URL."""
    session = server.create_session(optimizer=ADAM, seed=5)
    take(server, session, *range(1, steps + 1))
    made = server.http.post(f"{session}/checkpoints", json={"name": "good", "metrics": {"loss": 0.5, "worst": "inf"}})
    assert made.status_code == 201
    response = export(server, session, url)
    assert response.status_code == 200, response.text
    assert response.json()["digest"] == made.json()["digest"]
    return session


def export(server: Server, session: str, url: str) -> httpx.Response:
    """Ask for the export of the checkpoint `good`."""
    return server.http.post(f"{session}/checkpoints/good/export", json={"url": url})


def take_in(server: Server, session: str, url: str, **fields: Any) -> httpx.Response:
    """Ask a session to import the checkpoint at a URL."""
    return server.http.post(f"{session}/checkpoints/import", json={"url": url, **fields})


def names(server: Server, session: str) -> list[str]:
    """The names of a session's checkpoints."""
    return [item["name"] for item in server.http.get(f"{session}/checkpoints").json()["checkpoints"]]
