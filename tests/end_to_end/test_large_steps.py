"""Steps whose batch is larger than a body may be: the client sends its parts one by one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import Client, ClientError, Conflict, ConnectionFailed, Session
from asg_schema.document import Document
from executor_harness.server_process import serving

LIMIT = 400_000


def line() -> Document:
    with asg.graph("line") as g:
        prediction = nn.Linear(64, 1, name="linear")(asg.input("x", ("batch", 64)))
        g.output(loss=losses.mse(prediction, asg.input("target", ("batch", 1))))
    return grad(g.document())


def batches(seed: int, count: int = 6) -> list[dict[str, Any]]:
    """Each fits a body, all of them do not."""
    rng = np.random.default_rng(seed)
    return [
        {"x": rng.standard_normal((1000, 64), np.float32), "target": rng.standard_normal((1000, 1), np.float32)}
        for _ in range(count)
    ]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving(["--data-dir", str(tmp_path)], {**os.environ, "ASG_MAX_BODY_BYTES": str(LIMIT)}) as process:
        yield process.url


def digest(session: Session, url: str) -> str:
    return httpx.get(f"{url}/v1/sessions/{session.id}").json()["digest"]


class Losing(httpx.HTTPTransport):
    """Carries requests out; after the answers that `lose` picks it says that the connection broke."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.lose = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(f"{request.method} {request.url.path.partition('/steps/')[2]}")
        response = super().handle_request(request)
        if self.lose and self.paths[-1] == self.lose:
            response.read()
            raise httpx.ReadError("connection reset")
        return response


def test_a_large_step_is_that_of_its_parts(url: str) -> None:
    with Client(url) as client:
        session, oracle = (client.create_session({"train": line()}, optim.Adam(0.1), seed=5) for _ in range(2))
        answers = session.step_micro_batches(batches(1))
        assert (session.number, len(answers)) == (1, 6)
        small = [{name: array[:10] for name, array in part.items()} for part in batches(2)]
        session.step_micro_batches(small)
        assert session.number == 2
        oracle.step_micro_batches(batches(1))
        oracle.step_micro_batches(small)
        assert digest(session, url) == digest(oracle, url)
        with pytest.raises(ClientError):
            session.step({name: np.concatenate([part[name] for part in batches(1)]) for name in ("x", "target")})


def test_a_lost_answer_is_asked_for_again_and_the_step_taken_once(url: str) -> None:
    transport = Losing()
    with Client(url, transport=transport, retries=0) as client:
        session = client.create_session({"train": line()}, optim.Adam(0.1), seed=5)
        oracle = client.create_session({"train": line()}, optim.Adam(0.1), seed=5)
        expected = oracle.step_micro_batches(batches(1))
        transport.lose = "PUT 1"
        with pytest.raises(ConnectionFailed):
            session.step_micro_batches(batches(1))
        transport.lose = ""
        with pytest.raises(Conflict, match="step_passed"):
            session.step_micro_batches(batches(2))
        answers = session.step_micro_batches(batches(1))
        assert [float(answer["loss"]) for answer in answers] == [float(answer["loss"]) for answer in expected]
        assert session.number == 1
        assert digest(session, url) == digest(oracle, url)


def test_parts_of_an_attempt_that_was_given_up_make_room(url: str) -> None:
    transport = Losing()
    with Client(url, transport=transport, retries=0) as client:
        session = client.create_session({"train": line()}, optim.Adam(0.1), seed=5)
        oracle = client.create_session({"train": line()}, optim.Adam(0.1), seed=5)
        transport.lose = "PUT 1/parts/3"
        with pytest.raises(ConnectionFailed):
            session.step_micro_batches(batches(1))
        transport.lose = ""
        transport.paths.clear()
        session.step_micro_batches(batches(2))
        assert "DELETE 1/parts" in transport.paths
        oracle.step_micro_batches(batches(2))
        assert digest(session, url) == digest(oracle, url)


def test_parts_that_the_server_lost_are_sent_again(url: str) -> None:
    class Forgetting(Losing):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if self.paths[-1] == "PUT 1/parts/5" and self.paths.count("PUT 1/parts/5") == 1:
                httpx.delete(str(request.url).rpartition("/")[0])
            return response

    transport = Forgetting()
    with Client(url, transport=transport) as client:
        session = client.create_session({"train": line()}, optim.Adam(0.1), seed=5)
        session.step_micro_batches(batches(1))
        assert transport.paths.count("PUT 1/parts/0") == 2
        assert session.number == 1
