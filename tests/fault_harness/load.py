"""Many sessions and clients for a bounded time, at the end of which the server is killed."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fault_harness.killing import KilledServer, killed_server
from fault_harness.one_register import register

__all__ = ["Load", "load"]

EXPECTED = frozenset({200, 201, 202, 204, 429, 503})


@dataclass
class Load:
    """What the clients of a load saw.

    Attributes:
        statuses: how often each status was answered, by status.
        seconds: how long the requests took.
        steps: the last acknowledged step of each session.
        pending: the step of each session that has no answer yet.
        resident_bytes: the memory of the server at the end.
        duration: how long it lasted, in seconds.
    """

    statuses: Counter[int] = field(default_factory=Counter[int])
    seconds: list[float] = field(default_factory=list[float])
    steps: dict[str, int] = field(default_factory=dict[str, int])
    pending: dict[str, int] = field(default_factory=dict[str, int])
    resident_bytes: int = 0
    duration: float = 0.0

    def summary(self) -> str:
        """The figures, in a line."""
        ordered = sorted(self.seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
        return (
            f"{len(self.steps)} sessions, {len(ordered)} requests in {self.duration:.1f} s "
            f"({len(ordered) / self.duration:.0f}/s), p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
            f"{self.resident_bytes / 2**20:.0f} MiB, answers {dict(sorted(self.statuses.items()))}"
        )


def load(directory: Path, sessions: int, clients: int, seconds: float) -> Load:
    """Let clients take steps, run graphs and read weights; then kill the server, and compare what it has.

    Args:
        directory: a directory of the test's own.
        sessions: how many sessions there are.
        clients: how many clients there are; each has sessions of its own, and reads those of others.
        seconds: how long they work.
    """
    seen, data = Load(), directory / "data"
    with killed_server(data) as server:
        assert server is not None
        asyncio.run(_work(server, seen, sessions, clients, seconds))
        seen.resident_bytes = _resident_bytes(server.process.pid)
        server.kill()
    with killed_server(data) as server:
        assert server is not None
        found = {f"/v1/sessions/{item['id']}": item["step"] for item in _listed(server.http)}
        for path, step in seen.steps.items():
            assert found[path] in (step, seen.pending.get(path, step)), "an acknowledged step is lost"
            value = server.http.get(f"{path}/parameters", headers={"Accept": "application/json"}).json()
            assert value["parameters"]["register"]["data"] == [found[path]], "a step is there twice, or not"
    return seen


def _listed(http: httpx.Client) -> list[dict[str, Any]]:
    return http.get("/v1/sessions").json()["sessions"]


def _resident_bytes(process: int) -> int:
    (line,) = [item for item in Path(f"/proc/{process}/status").read_text().splitlines() if item.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


async def _work(server: KilledServer, seen: Load, sessions: int, clients: int, seconds: float) -> None:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=server.http.base_url, limits=limits, timeout=120) as http:
        graph = (await http.post("/v1/graphs", content=register().to_json())).json()["digest"]
        shares: list[list[str]] = [[] for _ in range(clients)]

        async def create(share: list[str], count: int) -> None:
            while len(share) < count:
                response = await _send(http, seen, "POST", "/v1/sessions", {"graphs": {"train": graph}})
                if response.status_code == 201:
                    share.append(response.headers["Location"])
                    seen.steps[share[-1]] = 0

        counts = [sessions // clients + (number < sessions % clients) for number in range(clients)]
        await asyncio.gather(*(create(share, count) for share, count in zip(shares, counts, strict=True)))
        begin = time.perf_counter()
        end = begin + seconds
        seen.seconds.clear()
        await asyncio.gather(*(_client(http, seen, share, number, end) for number, share in enumerate(shares)))
        seen.duration = time.perf_counter() - begin


async def _client(http: httpx.AsyncClient, seen: Load, own: list[str], seed: int, end: float) -> None:
    chance = random.Random(seed)
    others = list(seen.steps)
    while time.perf_counter() < end:
        path = chance.choice(own)
        kind = chance.random()
        if kind < 0.7:
            number = seen.steps[path] + 1
            seen.pending[path] = number
            response = await _send(http, seen, "PUT", f"{path}/steps/{number}", {"inputs": {"x": 1}})
            if response.status_code == 200:
                seen.steps[path] = number
        elif kind < 0.9:
            await _send(http, seen, "POST", f"{chance.choice(others)}/run", {"graph": "train", "inputs": {"x": 1}})
        else:
            await _send(http, seen, "GET", chance.choice(others), None)


async def _send(http: httpx.AsyncClient, seen: Load, method: str, path: str, body: Any) -> httpx.Response:
    begin = time.perf_counter()
    response = await http.request(method, path, json=body)
    seen.seconds.append(time.perf_counter() - begin)
    seen.statuses[response.status_code] += 1
    assert response.status_code in EXPECTED, response.text
    if response.status_code in (429, 503):
        assert response.headers["Retry-After"]
        await asyncio.sleep(0.05)
    return response
