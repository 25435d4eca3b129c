"""An executor's session resources in a few lines, for what the client sends and what it makes of answers."""

import json
from typing import Any

import httpx
import ml_dtypes
import numpy as np

import asg_builder as asg
from asg_builder import optim
from asg_builder.client import Client, Session
from asg_builder.client.payload import encode
from asg_schema import Document

__all__ = ["DOCUMENT", "SAFETENSORS", "Server", "decode_request"]

SAFETENSORS = "application/vnd.safetensors"


def build() -> Document:
    with asg.graph("tiny") as g:
        x, n = asg.input("x", ("batch", 2)), asg.input("n", (), "int32")
        w = asg.parameter("w", (2,), "bfloat16")
        g.output(y=x * 2, z=n + 1, v=w)
    return g.document()


DOCUMENT = build()


class Server:
    """An executor's session resources in a few lines. `drop` makes it lose that many answers to steps."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.drop = 0
        self.step = 0
        self.steps: dict[int, bytes] = {}
        self.client = Client("http://executor", transport=httpx.MockTransport(self.answer), retries=0)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        method, path = request.method, request.url.path
        if (method, path) == ("POST", "/v1/graphs"):
            return httpx.Response(201, json={"digest": Document.from_json(request.content).digest})
        if path == f"/v1/graphs/{DOCUMENT.digest}":
            inputs = [{"id": "x", "dtype": "float32"}, {"id": "n", "dtype": "int32"}]
            outputs = [{"name": "y"}, {"name": "z"}, {"name": "v"}]
            return httpx.Response(200, json={"inputs": inputs, "outputs": outputs, "document": DOCUMENT.to_dict()})
        if (method, path) in (("POST", "/v1/sessions"), ("GET", "/v1/sessions/s")):
            return httpx.Response(200, json=self.description())
        if path.startswith("/v1/sessions/s/steps/"):
            return self.take_step(int(path.rpartition("/")[2]), request.content)
        if (method, path) == ("GET", "/v1/sessions/s/parameters"):
            return self.tensors({"w": np.array([1, 2], ml_dtypes.bfloat16)})
        if path in ("/v1/sessions/s/run", f"/v1/graphs/{DOCUMENT.digest}/run"):
            return self.tensors({"y": np.array([[2.0, 4.0]], np.float32)})
        if (method, path) == ("PUT", "/v1/sessions/s/parameters"):
            return httpx.Response(200, json={"step": self.step})
        return httpx.Response(404, json={"code": "unknown_session", "detail": f"no {path}", "retryable": False})

    def description(self) -> dict[str, Any]:
        parameters = [{"id": "w", "dtype": "bfloat16", "shape": [2]}]
        return {"id": "s", "step": self.step, "graphs": {"train": DOCUMENT.digest}, "parameters": parameters}

    def take_step(self, number: int, body: bytes) -> httpx.Response:
        if number == self.step + 1:
            self.step, self.steps[number] = number, body
        elif self.steps.get(number) != body:
            return httpx.Response(422, json={"code": "step_mismatch", "detail": "taken with another request"})
        if self.drop:
            self.drop -= 1
            raise httpx.ReadError("connection reset")
        return self.tensors({"loss": np.array(0.5 / number, np.float32)}, step=number)

    @staticmethod
    def tensors(values: dict[str, Any], **fields: Any) -> httpx.Response:
        return httpx.Response(200, content=encode(values, **fields), headers={"content-type": SAFETENSORS})

    def session(self) -> Session:
        return self.client.create_session({"train": DOCUMENT}, optim.SGD(0.1))

    def sent(self) -> dict[str, Any]:
        """The tensors of the last request."""
        return decode_request(self.requests[-1].content)[0]


def decode_request(body: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    texts = header.pop("__metadata__", {})
    kinds = {"F32": np.float32, "I32": np.int32, "BF16": ml_dtypes.bfloat16}
    data = body[8 + length :]
    return {
        name: np.frombuffer(data[slice(*item["data_offsets"])], kinds[item["dtype"]]).reshape(item["shape"])
        for name, item in header.items()
    }, texts
