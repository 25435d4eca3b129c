"""A request whose JSON was read before is read anew: its tensors are others, and what does not fit is refused."""

import json

import httpx
import numpy as np
import pytest

from asg_executor.api.open_inference import infer as inference
from asg_executor.api.open_inference.messages import parse_request
from executor_harness.in_process import Server
from executor_harness.inference import infer, mirror, model_of, read_answer
from executor_harness.problems import problem

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The JSON texts that were read."""
    texts: list[bytes] = []

    def parse(content: bytes) -> object:
        texts.append(content)
        return parse_request(content)

    monkeypatch.setattr(inference, "parse_request", parse)
    return texts


def send(server: Server, model: str, text: bytes, content: bytes) -> httpx.Response:
    headers = {"Inference-Header-Content-Length": str(len(text))}
    return server.http.post(f"/v2/models/{model}/infer", content=text + content, headers=headers)


def test_the_tensors_are_those_of_each_request(server: Server, read: list[bytes]) -> None:
    model = model_of(server.http, predict=mirror())
    for number in range(3):
        answer = infer(server.http, model, {"in.float32": X + number, "in.int8": (X - number).astype(np.int8)})
        found = read_answer(answer)
        assert found["out.float32"].tolist() == (X + number)[:, ::-1].tolist()
        assert found["out.int8"].tolist() == (X - number)[:, ::-1].tolist()
    assert len(read) == 1


def test_the_same_json_for_another_model_is_read_for_it(server: Server) -> None:
    one = model_of(server.http, predict=mirror())
    other = model_of(server.http, predict=mirror())
    for model in (one, other, one):
        assert read_answer(infer(server.http, model, {"in.float32": X}))["out.float32"].tolist() == X[:, ::-1].tolist()


def test_another_number_of_bytes_is_refused(server: Server, read: list[bytes]) -> None:
    model = model_of(server.http, predict=mirror())
    tensor = {"name": "in.float32", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": 24}}
    text = json.dumps({"inputs": [tensor]}).encode()
    assert send(server, model, text, X.tobytes()).status_code == 200
    problem(send(server, model, text, X.tobytes()[:-1]), "interface_mismatch")
    problem(send(server, model, text, X.tobytes() + b"x"), "invalid_body")
    assert send(server, model, text, X.tobytes()).status_code == 200
    assert len(read) == 3


def test_what_a_bool_is_is_checked_each_time(server: Server) -> None:
    model = model_of(server.http, predict=mirror())
    tensor = {"name": "in.bool", "shape": [1, 3], "datatype": "BOOL", "parameters": {"binary_data_size": 3}}
    text = json.dumps({"inputs": [tensor]}).encode()
    assert send(server, model, text, b"\x00\x01\x00").status_code == 200
    problem(send(server, model, text, b"\x00\x02\x00"), "interface_mismatch")
