"""A server in a process of its own that is killed again and again, and a client that knows what it was promised.

Step n of a session is always given the same, so its state is a function of the number of the step: whatever happened
on the way, it must have the digest that an uninterrupted run has there.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from asg_executor import Session
from fault_harness.training import ADAM, MIXED, MOMENTUM, SEED, gradient, network, oracle_step, step_body

__all__ = ["Client", "KilledServer", "kill_again_and_again", "killed_server"]

_TESTS = Path(__file__).parents[1]
_NEVER = "-1"

POINTS: dict[str, str] = {
    "before the log": "write:/logs/",
    "after the log, before the acknowledgement": "pwrite:/acknowledged",
    "in a snapshot": "write:/snapshots/",
    "in a checkpoint": "write:/checkpoints/",
    "before a row counts": "commit:asg.sqlite3",
    "before a name counts": "rename:/sessions/",
}
"""Where a server is killed by name: the kind and a part of the path of the operation that it does not come to."""


class Oracle:
    """The digests of an uninterrupted run, by the number of the step."""

    def __init__(self, optimizer: dict[str, Any], precision: Any) -> None:
        graphs = {"predict": network(), "train": gradient(loss_scale=precision != "as_written")}
        self._session = Session(graphs, optimizer, seed=SEED, precision=precision)
        self._digests = [self._session.digest()]

    def digest(self, number: int) -> str:
        while len(self._digests) <= number:
            oracle_step(self._session, len(self._digests))
            self._digests.append(self._session.digest())
        return self._digests[number]


@dataclass
class KilledServer:
    """A server that was started to be killed.

    Attributes:
        http: a client of it.
        process: the process.
    """

    http: httpx.Client
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def killed_server(directory: Path, at: str = _NEVER, errors: Path | None = None) -> Generator[KilledServer | None]:
    """A server on a data directory that kills itself before its file operation `at`; None where that is its start."""
    command = [sys.executable, "-m", "fault_harness.killed_server", at, "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    with (
        (errors or directory.parent / "errors").open("a") as log,
        subprocess.Popen(
            [*command, "--announce-json", "--data-dir", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                assert process.wait(30) == -signal.SIGKILL, (errors or directory.parent / "errors").read_text()
                yield None
                return
            with httpx.Client(base_url=json.loads(line)["url"], timeout=60) as http:
                yield KilledServer(http, process)
        finally:
            process.kill()


@dataclass
class Promise:
    """What a client was promised about one session.

    Attributes:
        path: the session.
        oracle: what its states are.
        weakest: how many steps a crash may take back; None for all since the last state that is kept.
        number: the last step that was acknowledged.
        kept: the last state that is on disk whatever happens, where steps are not.
        pending: the step that the session has if the request that had no answer was done; None where there is none.
        checkpoints: the steps of those that were acknowledged, by name.
        unsure: the names of checkpoints of which it is not known whether they are there.
    """

    path: str
    oracle: Oracle
    weakest: int | None
    number: int = 0
    kept: int = 0
    pending: int | None = None
    checkpoints: dict[str, int] = field(default_factory=dict[str, int])
    unsure: set[str] = field(default_factory=set[str])

    def allows(self, found: int) -> bool:
        """Whether a session may be at this step after a crash."""
        if found in (self.number, self.pending):
            return True
        floor = self.kept if self.weakest is None else max(self.kept, self.number - self.weakest)
        return floor <= found <= max(self.number, self.pending or 0)


class Client:
    """Trains sessions of every durability, and finds after each crash what it was promised.

    Args:
        chance: what it does.
    """

    MODES: tuple[tuple[Any, int | None, dict[str, Any], Any], ...] = (
        ("every_step", 0, ADAM, "as_written"),
        ("every_step", 0, MOMENTUM, "as_written"),
        ("every_step", 0, ADAM, MIXED),
        ({"snapshot_every": 3}, 2, ADAM, "as_written"),
        ({"snapshot_every": 3}, 2, ADAM, MIXED),
        ("checkpoint_only", None, MOMENTUM, "as_written"),
    )

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._promises: list[Promise] = []
        self.acknowledged = 0
        self.taken_back = 0

    def create(self, http: httpx.Client) -> None:
        """Create the sessions."""
        documents = {"predict": network(), "train": gradient(), "scaled": gradient(loss_scale=True)}
        digests: dict[str, str] = {}
        for name, document in documents.items():
            digests[name] = http.post("/v1/graphs", content=document.to_json()).json()["digest"]
        scaled = digests.pop("scaled")
        self._graphs = digests
        for durability, weakest, optimizer, precision in self.MODES:
            graphs = digests if precision == "as_written" else {**digests, "train": scaled}
            settings = {"optimizer": optimizer, "seed": SEED, "durability": durability, "precision": precision}
            body = {"graphs": graphs, **settings}
            response = http.post("/v1/sessions", json=body)
            assert response.status_code == 201, response.text
            self._promises.append(Promise(response.headers["Location"], Oracle(optimizer, precision), weakest))

    def check(self, http: httpx.Client) -> None:
        """Find that all that was promised is there, and learn what became of what was not answered."""
        listed = http.get("/v1/sessions").json()["sessions"]
        present = {f"/v1/sessions/{item['id']}" for item in listed}
        for promise in self._promises:
            found = http.get(promise.path).json()
            assert "step" in found, found
            assert promise.allows(found["step"]), (found["step"], promise)
            assert found["digest"] == promise.oracle.digest(found["step"]), "not the state of an uninterrupted run"
            self.taken_back += max(promise.number - found["step"], 0)
            promise.number = promise.kept = found["step"]
            promise.pending = None
            self._check_checkpoints(http, promise)
            present.discard(promise.path)
        for path in present:  # created or being deleted when the server was killed
            found = http.get(path)
            assert found.status_code == 200, found.text
            assert http.delete(path).status_code == 204

    def _check_checkpoints(self, http: httpx.Client, promise: Promise) -> None:
        listed = http.get(f"{promise.path}/checkpoints").json()["checkpoints"]
        found = {item["name"]: item["step"] for item in listed}
        for item in listed:
            assert item["digest"] == promise.oracle.digest(item["step"])
            whole = http.get(f"{promise.path}/checkpoints/{item['name']}", headers={"Accept": _SAFETENSORS})
            assert whole.status_code == 200, whole.text
        sure = {name: step for name, step in promise.checkpoints.items() if name not in promise.unsure}
        assert sure.items() <= found.items(), (sure, found)
        assert found.keys() <= promise.checkpoints.keys() | promise.unsure
        promise.checkpoints, promise.unsure = found, set()

    def work(self, http: httpx.Client) -> None:
        """Do something that changes a session, until the server is gone.

        Raises:
            httpx.TransportError: it is.
        """
        while True:
            promise = self._chance.choice(self._promises)
            action = self._chance.choices(
                [self._step, self._checkpoint, self._restore, self._remove, self._create_and_delete], [12, 2, 1, 1, 1]
            )[0]
            action(http, promise)
            self.acknowledged += 1

    def _step(self, http: httpx.Client, promise: Promise) -> None:
        number = promise.number + 1
        promise.pending = number
        response = http.put(f"{promise.path}/steps/{number}", json=step_body(number))
        assert response.status_code == 200, response.text
        promise.number, promise.pending = number, None

    def _checkpoint(self, http: httpx.Client, promise: Promise) -> None:
        name = f"at-{promise.number}"
        promise.unsure.add(name)
        promise.checkpoints[name] = promise.number
        response = http.post(f"{promise.path}/checkpoints", json={"name": name})
        assert response.status_code == 201, response.text
        promise.unsure.discard(name)

    def _restore(self, http: httpx.Client, promise: Promise) -> None:
        if not promise.checkpoints:
            return
        name = self._chance.choice(sorted(promise.checkpoints))
        promise.pending = promise.checkpoints[name]
        response = http.post(f"{promise.path}/checkpoints/{name}/restore", json={})
        assert response.status_code == 200, response.text
        promise.number = promise.kept = promise.checkpoints[name]
        promise.pending = None

    def _remove(self, http: httpx.Client, promise: Promise) -> None:
        if not promise.checkpoints:
            return
        name = self._chance.choice(sorted(promise.checkpoints))
        promise.unsure.add(name)
        response = http.delete(f"{promise.path}/checkpoints/{name}")
        assert response.status_code == 204, response.text
        promise.unsure.discard(name)
        del promise.checkpoints[name]

    def _create_and_delete(self, http: httpx.Client, promise: Promise) -> None:
        body = {"graphs": self._graphs, "optimizer": ADAM}
        response = http.post("/v1/sessions", json=body)
        assert response.status_code == 201, response.text
        assert http.delete(response.headers["Location"]).status_code == 204

    def finish(self, http: httpx.Client) -> None:
        """Take all sessions to one step, and compare their weights with those of uninterrupted runs."""
        last = max(promise.number for promise in self._promises) + 1
        for promise in self._promises:
            while promise.number < last:
                self._step(http, promise)
            assert http.get(promise.path).json()["digest"] == promise.oracle.digest(last)


def kill_again_and_again(directory: Path, rounds: int, seed: int) -> str:
    """Let a client work while its server is killed: at random moments, before random file operations, at named points.

    Args:
        directory: a directory of the test's own.
        rounds: how often the server is killed.
        seed: decides what happens.

    Returns:
        What happened, in a line.
    """
    chance = random.Random(seed)
    data, client = directory / "data", Client(chance)
    with killed_server(data) as server:
        assert server is not None
        client.create(server.http)
        server.kill()
    at_start, points = 0, list(POINTS)
    done: Counter[str] = Counter()
    for number in range(rounds):
        by_time = number % 3 == 0
        point = points[number // 3 % len(points)] if number % 3 == 2 else ""
        at = f"{POINTS[point]}:{chance.randrange(8)}" if point else str(chance.randrange(400))
        done[point or ("at a random moment" if by_time else "before a random operation")] += 1
        with killed_server(data, _NEVER if by_time else at) as server:
            if server is None:
                at_start += 1
                continue
            killer = threading.Timer(chance.uniform(0.0, 0.5), server.kill) if by_time else None
            try:
                client.check(server.http)
                if killer is not None:
                    killer.start()
                client.work(server.http)
            except httpx.TransportError:
                server.process.wait(30)
            if killer is not None:
                killer.join()
    with killed_server(data) as server:
        assert server is not None
        client.check(server.http)
        client.finish(server.http)
    where = ", ".join(f"{count} {name}" for name, count in done.items())
    return (
        f"{rounds} kills ({where}), {at_start} of them at the start; {client.acknowledged} requests acknowledged; "
        f"{client.taken_back} steps taken back where the durability allows it"
    )


_SAFETENSORS = "application/vnd.safetensors"
