"""Whatever a network does to requests and answers, each step is taken once, and with what the client meant."""

import random
from pathlib import Path

import httpx
import numpy as np
import pytest

from asg_builder.client import Client
from asg_executor import Session
from executor_harness.in_process import in_process
from executor_harness.server_process import serving
from fault_harness.proxy import Misdeed, proxy
from fault_harness.simultaneous import altered, send_at_once
from fault_harness.training import ADAM, SEED, batch, gradient, network, oracle, step_body

UNRELIABLE: dict[Misdeed, int] = {"forward": 4, "lose answer": 2, "cut request": 1, "send twice": 2, "cut answer": 1}


def uninterrupted() -> Session:
    return Session({"predict": network(), "train": gradient()}, ADAM, seed=SEED)


def test_a_client_behind_an_unreliable_network_trains_as_if_there_were_none(tmp_path: Path) -> None:
    expected = uninterrupted()
    with serving(["--data-dir", str(tmp_path)]) as process, proxy(process.url, random.Random(1), UNRELIABLE) as rules:
        with Client(rules.url, retries=12) as client:
            session = client.create_session({"predict": network(), "train": gradient()}, optimizer=ADAM, seed=SEED)
            for number in range(1, 16):
                inputs = batch(number)
                loss = session.step(x=inputs["x"], target=inputs["target"])["loss"]
                np.testing.assert_array_equal(loss, expected.step(inputs)["loss"])
            assert httpx.get(f"{process.url}/v1/sessions/{session.id}").json()["digest"] == expected.digest()
        assert len(httpx.get(f"{process.url}/v1/sessions").json()["sessions"]) == 1, "created once"
    assert rules.done["lose answer"] > 0
    assert rules.done["send twice"] > 0


def test_fifty_sends_of_one_step_at_once_take_it_once(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=4) as server:
        graphs = {"train": server.add_graph(gradient().to_json())}
        request = {"graphs": graphs, "optimizer": ADAM, "seed": SEED}
        session = server.http.post("/v1/sessions", json=request).headers["Location"]

        async def send(bodies: dict[str, object], copies: int, number: int) -> str:
            async with server.asynchronous() as http:
                return await send_at_once(http, session, number, bodies, copies)

        for number in (1, 2):
            assert server.runner.run(send({"own": step_body(number)}, 50, number)) == "own"
        assert server.digest(session) == oracle(2).digest()
        winner = server.runner.run(send({"own": step_body(3), "altered": altered(3)}, 25, 3))
        assert (server.digest(session) == oracle(3).digest()) == (winner == "own")


@pytest.mark.parametrize("where", [0, 1, 100])
def test_a_request_that_is_cut_takes_no_step(tmp_path: Path, where: int) -> None:
    with in_process(data_dir=tmp_path) as server:
        graphs = {"train": server.add_graph(gradient().to_json())}
        session = server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": ADAM}).headers["Location"]
        state = server.digest(session)
        whole = httpx.Request("PUT", "http://localhost", json=step_body(1)).content
        headers = {"Content-Type": "application/json"}
        response = server.http.put(f"{session}/steps/1", content=whole[:where], headers=headers)
        assert response.status_code in (400, 422)
        assert server.digest(session) == state
