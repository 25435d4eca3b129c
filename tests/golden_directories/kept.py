"""Writing and opening golden data directories: `tests/golden/<name>.tar.gz`, and what it has in `<name>.json`.

Their sessions have every durability, their logs are in the format of the release, and they have a key, a data set and a
job that ended.
"""

import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from asg_executor.access.principal import Scope
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import add_dataset, create_session, data, start_job, wait
from fault_harness.cases import add_checkpoint, create, snapshot_now, steps
from fault_harness.one_register import register

__all__ = ["GOLDEN", "read", "seen", "take", "write"]

GOLDEN = Path(__file__).parents[1] / "golden"


def write(name: str) -> None:
    """Write a directory of this version, with sessions of every durability and one that is damaged."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary) / "data"
        with in_process(data_dir=directory, workers=1) as server:
            damaged = _build(server)
        (log,) = directory.glob(f"sessions/{damaged.rpartition('/')[2]}/logs/*/*.log")
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        GOLDEN.mkdir(exist_ok=True)
        with tarfile.open(GOLDEN / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(directory, "data")
        with in_process(data_dir=directory, workers=1) as server:
            (GOLDEN / f"{name}.json").write_text(json.dumps(seen(server), indent=1, sort_keys=True) + "\n")


def _build(server: Server) -> str:
    """Fill a data directory; the session that is to be damaged.

    Steps that are taken again are in integers, which are the same on every machine; the weights of networks are in
    snapshots.
    """
    graph = server.add_graph(register().to_json())

    def session(*inputs: int, **fields: Any) -> str:
        response = server.http.post("/v1/sessions", json={"graphs": {"train": graph}, **fields})
        assert response.status_code == 201, response.text
        take(server, response.headers["Location"], 1, *inputs)
        return response.headers["Location"]

    logged = session(1, 2)
    snapshot_now(server, logged)
    add_checkpoint("kept")(server, logged)
    take(server, logged, 3, 4, 5)  # behind the snapshot, in the log alone
    session(1, 2, 3, durability={"snapshot_every": 2})
    seldom = session(1, 2, durability="checkpoint_only")
    add_checkpoint("kept")(server, seldom)
    network = create(server, "network")
    steps(1, 2)(server, network)
    snapshot_now(server, network)
    server.app.state.service.keys.create("laptop", "research", Scope.TRAIN)
    trained = create_session(server.http)
    wait(server.http, start_job(server.http, trained, dataset=add_dataset(server.http, data()), batch_size=25))
    snapshot_now(server, trained)
    return session(1)


def take(server: Server, session: str, number: int, *inputs: int) -> None:
    """Take steps of a register, from this number on."""
    for step, x in enumerate(inputs, number):
        response = server.http.put(f"{session}/steps/{step}", json={"inputs": {"x": x}})
        assert response.status_code == 200, response.text


def read(name: str, directory: Path) -> tuple[Path, Any]:
    """A copy of a golden directory, and what it has.

    Args:
        name: its name.
        directory: where the copy is to be.
    """
    with tarfile.open(GOLDEN / f"{name}.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    return directory / "data", json.loads((GOLDEN / f"{name}.json").read_text())


def seen(server: Server) -> dict[str, Any]:
    """What a data directory has, by session."""
    found: dict[str, Any] = {}
    for item in server.http.get("/v1/sessions").json()["sessions"]:
        path = f"/v1/sessions/{item['id']}"
        session = server.http.get(path)
        if not session.is_success:
            found[path] = {"code": session.json()["code"]}
            continue
        parameters = server.http.get(f"{path}/parameters", headers={"Accept": "application/json"}).json()["parameters"]
        checkpoints = server.http.get(f"{path}/checkpoints").json()["checkpoints"]
        found[path] = {
            **{name: session.json()[name] for name in ("step", "digest", "durability")},
            "parameters": parameters,
            "checkpoints": [[entry["name"], entry["step"], entry["digest"]] for entry in checkpoints],
        }
    for id in server.app.state.service.sessions.damaged:
        path = f"/v1/sessions/{id}"
        found[path] = {"code": server.http.get(path).json()["code"]}
    jobs = server.http.get("/v1/jobs").json()["jobs"]
    found["/v1"] = {
        "keys": [[key.name, key.tenant, key.scope.value] for key in server.app.state.service.keys.list()],
        "datasets": [[item["digest"], item["bytes"]] for item in server.http.get("/v1/datasets").json()["datasets"]],
        "jobs": [[job["state"], job["session"], job["step"], job["last_event"]] for job in jobs],
    }
    return found
