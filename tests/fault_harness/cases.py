"""What a client or the service does to a data directory, in cases whose every file operation can be broken off.

A case prepares a directory, and then acts. Whatever becomes of the act, a client that sends it again must find the
session as it was before or after it, never between.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from asg_executor.exports.errors import UnknownExportError
from asg_executor.exports.exported_checkpoint import read_export
from asg_executor.exports.places import open_place
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from asg_executor.store.step_log import StepLog
from executor_harness.in_process import Server, in_process
from fault_harness.training import ADAM, MIXED, SEED, gradient, network, poisoned, step_body

__all__ = ["CASES", "Case", "go_on", "observe", "service"]

Act = Callable[[Server, str], httpx.Response | None]

SMALL = '{"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": []}], "nodes": [], "outputs": []}'


@dataclass(frozen=True)
class Case:
    """What is done, and what was there before.

    Attributes:
        name: what it is called.
        act: does it; the last answer, or None where it is no request.
        steps: how many steps the session has taken before.
        durability: the session's.
        settings: further fields of the session.
        prepare: what else is done before.
        harm: what is done to the files before.
        several: whether the act is several requests, of which the first may be accepted and the next refused.
        look: what else is to be seen than of every case.
    """

    name: str
    act: Act
    steps: int = 3
    durability: Any = "every_step"
    settings: Mapping[str, Any] | None = None
    prepare: Act | None = None
    harm: Callable[[Path], None] | None = None
    several: bool = False
    look: Callable[[Server], Any] | None = None

    def build(self, directory: Path) -> str:
        """Make the directory as it is before the act; the path of the session."""
        with service(directory) as server:
            session = create(server, "first", durability=self.durability, **(self.settings or {}))
            for number in range(1, self.steps + 1):
                accepted(server.http.put(f"{session}/steps/{number}", json=step_body(number)))
            if self.prepare is not None:
                accepted(self.prepare(server, session))
        if self.harm is not None:
            self.harm(directory)
        return session


def service(directory: Path) -> AbstractContextManager[Server]:
    """A service on a data directory, with its exports there, too."""
    return in_process(data_dir=directory, workers=1, export_urls=(f"file://{directory}/exports/",))


def accepted(response: httpx.Response | None) -> httpx.Response | None:
    assert response is None or response.is_success, response.text
    return response


def create(server: Server, key: str, **fields: Any) -> str:
    """The path of a session that is created once for the key."""
    response = creation(server, key, **fields)
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def creation(server: Server, key: str, **fields: Any) -> httpx.Response:
    """Send two documents and create a session of them."""
    graphs: dict[str, str] = {}
    for name, document in (("predict", network()), ("train", gradient(loss_scale="precision" in fields))):
        sent = server.http.post("/v1/graphs", content=document.to_json())
        if not sent.is_success:
            return sent
        graphs[name] = sent.json()["digest"]
    body = {"graphs": graphs, "optimizer": ADAM, "seed": SEED, **fields}
    return server.http.post("/v1/sessions", json=body, headers={"Idempotency-Key": key})


def observe(server: Server) -> list[Any]:
    """All that is to be seen of the sessions, but for what is different each time."""
    found: list[Any] = []
    for item in server.http.get("/v1/sessions").json()["sessions"]:
        path = f"/v1/sessions/{item['id']}"
        session = server.http.get(path)
        assert session.status_code == 200, session.text
        seen = {name: session.json()[name] for name in ("step", "digest", "durability", "graphs")}
        listed = server.http.get(f"{path}/checkpoints").json()["checkpoints"]
        names = sorted(entry["name"] for entry in listed)
        for name in names:
            assert server.http.get(f"{path}/checkpoints/{name}", headers=SAFETENSORS).status_code == 200
        seen["checkpoints"] = [(entry["name"], entry["step"], entry["digest"]) for entry in listed]
        found.append(seen)
    return sorted(found, key=str)


SAFETENSORS = {"Accept": "application/vnd.safetensors"}


def go_on(server: Server) -> list[Any]:
    """Take two more steps in each session, and make a checkpoint; what is seen then."""
    for item in server.http.get("/v1/sessions").json()["sessions"]:
        path = f"/v1/sessions/{item['id']}"
        for number in (item["step"] + 1, item["step"] + 2):
            accepted(server.http.put(f"{path}/steps/{number}", json=step_body(number)))
        accepted(server.http.post(f"{path}/checkpoints", json={"name": "last"}))
    return observe(server)


def steps(*numbers: int, body: Callable[[int], Any] = step_body) -> Act:
    """Take steps, as far as they are accepted."""

    def act(server: Server, session: str) -> httpx.Response:
        response = server.http.put(f"{session}/steps/{numbers[0]}", json=body(numbers[0]))
        for number in numbers[1:]:
            if not (response.is_success or response.json().get("code") == "step_passed"):
                break
            response = server.http.put(f"{session}/steps/{number}", json=body(number))
        return response

    return act


def last_poisoned(number: int) -> Any:
    return poisoned(number) if number == 4 else step_body(number)


def snapshot_now(server: Server, session: str) -> None:
    """Let the service take a snapshot, as it does where the log grows long."""
    held = server.app.state.service.sessions.get(session.rpartition("/")[2])
    if held is not None:
        held.save()


def add_checkpoint(name: str) -> Act:
    return lambda server, session: server.http.post(f"{session}/checkpoints", json={"name": name})


def restore(name: str, *, optimizer: bool) -> Act:
    body = {"optimizer": optimizer}
    return lambda server, session: server.http.post(f"{session}/checkpoints/{name}/restore", json=body)


def checkpoint_and_go_on(server: Server, session: str) -> httpx.Response | None:
    accepted(add_checkpoint("kept")(server, session))
    return steps(4, 5)(server, session)


def end(server: Server, session: str) -> None:
    """End the service as SIGTERM does."""

    async def close() -> None:
        async with server.app.router.lifespan_context(server.app):
            pass

    server.runner.run(close())


def tear(directory: Path) -> None:
    """Leave in the log what a crash leaves in the middle of writing a step's record: its beginning."""
    (segments,) = directory.glob("sessions/*/logs/*")
    log = StepLog(segments, 0)
    last = list(log.steps(0))[-1]
    log.begin(last.number + 1, [last.payload], last.digest)
    log.close()
    (path,) = segments.glob("*.log")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 7)


WEIGHTS = {"parameters": {"second.bias": [0.5]}}
_TWO = {"snapshot_every": 2}

skip_last = steps(3, 4, body=last_poisoned)
_SKIP = {"non_finite": "skip"}
_MIXED = {"precision": MIXED}


def snapshot_and_step(server: Server, session: str) -> httpx.Response | None:
    snapshot_now(server, session)
    return steps(4)(server, session)


def remove_checkpoint(server: Server, session: str) -> httpx.Response:
    return server.http.delete(f"{session}/checkpoints/best")


def keep_last(server: Server, session: str) -> httpx.Response:
    """Make a checkpoint in the place of the one before."""
    return server.http.post(f"{session}/checkpoints", json={"name": "best", "keep_last": 1})


def loose_checkpoint(server: Server, session: str) -> httpx.Response | None:
    accepted(server.http.post(f"{session}/checkpoints", json={"name": "first", "pinned": False}))
    return steps(4)(server, session)


def _place(server: Server) -> str:
    return f"file://{server.app.state.service.directory.path}/exports/there"


def export(server: Server, session: str) -> httpx.Response:
    return server.http.post(f"{session}/checkpoints/best/export", json={"url": _place(server)})


def checkpoint_and_export(server: Server, session: str) -> httpx.Response:
    accepted(add_checkpoint("best")(server, session))
    return export(server, session)


def import_checkpoint(server: Server, session: str) -> httpx.Response:
    return server.http.post(f"{session}/checkpoints/import", json={"url": _place(server), "name": "again"})


def import_session(server: Server, _: str) -> httpx.Response:
    return server.http.post("/v1/sessions/import", json={"url": _place(server)}, headers={"Idempotency-Key": "again"})


def exported(server: Server) -> str:
    """The digest of the state that is exported; empty where none is."""
    prefix, _, rest = _place(server).rpartition("/")
    try:
        return read_export(open_place(f"{prefix}/", rest), 2**30, lambda _: None).state.digest
    except UnknownExportError:
        return ""


def parts(server: Server, session: str) -> httpx.Response:
    """Take step 4 of two parts, which are sent before it, as far as it is not taken."""
    inputs = [step_body(number)["inputs"] for number in (4, 5)]
    for part, content in enumerate(inputs):
        body = {"inputs": content, "outputs": ["loss"]}
        sent = server.http.put(f"{session}/steps/4/parts/{part}", json=body)
        if not (sent.is_success or sent.json()["code"] == "step_passed"):
            return sent
    return server.http.put(f"{session}/steps/4", json={"parts": len(inputs)})


_TENSORS = {"rows": np.arange(24, dtype=np.float32).reshape(8, 3)}


def add_dataset(server: Server, _: str) -> httpx.Response:
    body = write_safetensors(_TENSORS, {})
    return server.http.post("/v1/datasets", content=body, headers={"Content-Type": MEDIA_TYPE})


def remove_dataset(server: Server, _: str) -> httpx.Response:
    return server.http.delete(f"/v1/datasets/{sha256(write_safetensors(_TENSORS, {})).hexdigest()}")


def datasets(server: Server) -> list[tuple[str, int]]:
    listed = server.http.get("/v1/datasets").json()["datasets"]
    return [(item["digest"], item["bytes"]) for item in listed]


def nothing(server: Server, session: str) -> None:
    """The service is started, and that is all."""


CASES = {
    case.name: case
    for case in (
        Case("step", steps(4)),
        Case("first step", steps(1), steps=0),
        Case("micro-batches", steps(3), steps=2),
        Case("skipped step", steps(4, body=poisoned), settings=_SKIP),
        Case("step with a snapshot", steps(3, 4), durability=_TWO, several=True),
        Case(
            "skipped step with a snapshot",
            steps(3, 4, body=last_poisoned),
            durability=_TWO,
            settings=_SKIP,
            several=True,
        ),
        Case("first step in mixed precision, which is skipped", steps(1), steps=0, settings=_MIXED),
        Case("steps in mixed precision with a snapshot", steps(3, 4), durability=_TWO, settings=_MIXED, several=True),
        Case("snapshot", snapshot_now),
        Case("second snapshot", snapshot_now, prepare=snapshot_and_step),
        Case("graph", lambda server, _: server.http.post("/v1/graphs", content=SMALL)),
        Case("creation", lambda server, _: creation(server, "second")),
        Case("deletion", lambda server, session: server.http.delete(session)),
        Case("parameters", lambda server, session: server.http.put(f"{session}/parameters", json=WEIGHTS)),
        Case("checkpoint", add_checkpoint("best")),
        Case("checkpoint of a session that keeps no step", add_checkpoint("best"), durability="checkpoint_only"),
        Case("removed checkpoint", remove_checkpoint, prepare=add_checkpoint("best")),
        Case("restored checkpoint", restore("kept", optimizer=True), prepare=checkpoint_and_go_on),
        Case("restored weights", restore("kept", optimizer=False), prepare=checkpoint_and_go_on),
        Case("checkpoint in the place of another", keep_last, prepare=loose_checkpoint),
        Case(
            "deletion of a session with checkpoints", lambda s, path: s.http.delete(path), prepare=add_checkpoint("b")
        ),
        # Its manifest may have its name, and the disk refuse to say that this is durable: then it may count.
        Case("export", export, prepare=add_checkpoint("best"), look=exported, several=True),
        Case("imported checkpoint", import_checkpoint, prepare=checkpoint_and_export),
        Case("imported session", import_session, prepare=checkpoint_and_export),
        Case("step of parts", parts),
        Case("data set", add_dataset, look=datasets),
        Case("removed data set", remove_dataset, prepare=add_dataset, look=datasets),
        Case("start", nothing),
        Case("start after a torn write", nothing, harm=tear),
        Case("end", end),
        Case("end of a session that keeps no step", end, durability="checkpoint_only"),
    )
}
"""All cases, by name."""
