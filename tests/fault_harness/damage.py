"""Every kind of harm to every file of a data directory; afterwards all is as it was, or what is damaged is named."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from asg_executor.errors import ExecutorError
from executor_harness.in_process import Server, in_process
from fault_harness.cases import create, go_on, observe, snapshot_now, steps
from fault_harness.training import SEED

__all__ = ["HARMS", "Damaged", "build", "files_of"]

Harm = Callable[[Path, random.Random], None]


def _flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))])


def _empty(path: Path, _: random.Random) -> None:
    path.write_bytes(b"")


def _remove(path: Path, _: random.Random) -> None:
    path.unlink()


def _lengthen(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(9))


def _zero(path: Path, _: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _swap(path: Path, _: random.Random) -> None:
    """Put another session's file in its place."""
    kind = path.suffix or path.name
    others = [item for item in path.parents[1].rglob(f"*{kind}") if item != path and item.is_file()]
    if others:
        path.write_bytes(others[0].read_bytes())


HARMS: dict[str, Harm] = {
    "a flipped bit": _flip,
    "a lost end": _cut,
    "no content": _empty,
    "a missing file": _remove,
    "more at the end": _lengthen,
    "zeros": _zero,
    "another's content": _swap,
}
"""What can become of a file, by name."""


def build(directory: Path) -> None:
    """A data directory with every kind of file: a graph, a snapshot, a log behind it, a checkpoint, two sessions."""
    with in_process(data_dir=directory, workers=1) as server:
        for key in ("first", "second"):
            session = create(server, key, seed=SEED)
            steps(1, 2)(server, session)
            server.http.post(f"{session}/checkpoints", json={"name": "kept"})
            snapshot_now(server, session)
            steps(3, 4)(server, session)


def files_of(directory: Path) -> Iterator[Path]:
    """Every file that the service wrote, relative to the directory."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name not in ("owner.lock", "asg.sqlite3-wal", "asg.sqlite3-shm"):
            yield path.relative_to(directory)


class Damaged:
    """A data directory that can be damaged in one place at a time.

    Args:
        directory: a directory of the test's own.
    """

    def __init__(self, directory: Path) -> None:
        self.whole = directory / "whole"
        build(self.whole)
        self._copy = directory / "copy"
        with in_process(data_dir=self._fresh(), workers=1) as server:
            self._before = observe(server)
        with in_process(data_dir=self._fresh(), workers=1) as server:
            self._end = go_on(server)

    def _fresh(self) -> Path:
        if self._copy.exists():
            shutil.rmtree(self._copy)
        shutil.copytree(self.whole, self._copy)
        return self._copy

    def harm(self, file: Path, harm: Harm, chance: random.Random) -> str:
        """Do a file harm, and start the service; what it says of it, empty where all is as it was.

        Args:
            file: the file, relative to the directory.
            harm: what is done to it.
            chance: decides how.
        """
        directory = self._fresh()
        harm(directory / file, chance)
        try:
            with in_process(data_dir=directory, workers=1) as server:
                damaged = [server.http.get(f"/v1/sessions/{id}") for id in server.app.state.service.sessions.damaged]
                if damaged:
                    assert {answer.json()["code"] for answer in damaged} == {"session_damaged"}
                    return "; ".join(answer.json()["detail"] for answer in damaged)
                refused = _refused(server)
                if refused:
                    return refused
                assert observe(server) == self._before, f"{file}: other than it was, and nothing was said"
                assert go_on(server) == self._end, f"{file}: it does not go on as it would have"
        except ExecutorError as error:  # the service does not start
            return str(error)
        return ""


def _refused(server: Server) -> str:
    """What the service says of checkpoints and graphs that it cannot read."""
    paths: set[str] = set()
    for item in server.http.get("/v1/sessions").json()["sessions"]:
        session = f"/v1/sessions/{item['id']}"
        listed = server.http.get(f"{session}/checkpoints").json()["checkpoints"]
        paths |= {f"{session}/checkpoints/{entry['name']}" for entry in listed}
        paths |= {f"/v1/graphs/{digest}" for digest in server.http.get(session).json()["graphs"].values()}
    said: list[str] = []
    for path in sorted(paths):
        accept = "application/json" if "/graphs/" in path else "application/vnd.safetensors"
        answer = server.http.get(path, headers={"Accept": accept})
        if not answer.is_success:
            assert answer.status_code == 500, answer.text
            said.append(answer.json()["detail"])
    return "; ".join(said)
