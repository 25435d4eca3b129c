"""What the tests of jobs share: a small network with dropout, its data, and the training that a job repeats."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import numpy as np

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn
from asg_builder.data import Batches
from asg_executor import Session
from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from asg_schema.document import Document
from executor_harness.in_process import Server

__all__ = [
    "ADAM",
    "Setup",
    "add_dataset",
    "create_session",
    "data",
    "events_of",
    "network",
    "start_job",
    "trained",
    "wait",
]

ADAM = {"kind": "adam", "learning_rate": 0.02, "average_decay": 0.9}
FEATURES, CLASSES = 4, 3


def network(*, training: bool) -> Document:
    """A classifier: `train` with dropout and gradients, `validate` with a confusion matrix."""
    model = nn.Sequential(nn.Linear(FEATURES, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, CLASSES), name="net")
    model.train(training)
    with asg.graph("train" if training else "validate") as g:
        x, y = asg.input("x", ("batch", FEATURES)), asg.input("y", ("batch",), "int64")
        scores = model(x)
        g.output(loss=losses.cross_entropy(scores, y))
        g.metric(accuracy=metrics.accuracy_from_scores(scores, y))
        if not training:
            g.metric(confusion=metrics.confusion_matrix(asg.argmax(scores, -1), y, num_classes=CLASSES))
    return grad(g.document(), of="loss") if training else g.document()


def data(length: int = 50, seed: int = 0) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((length, FEATURES)).astype(np.float32)
    return {"x": x, "y": (x @ np.random.default_rng(9).standard_normal((FEATURES, CLASSES))).argmax(1)}


def add_dataset(http: httpx.Client, tensors: Mapping[str, Array], status: int = 201) -> str:
    response = http.post("/v1/datasets", content=write_safetensors(tensors, {}), headers={"Content-Type": MEDIA_TYPE})
    assert response.status_code == status, response.text
    return response.json()["digest"]


def create_session(http: httpx.Client, **fields: Any) -> str:
    """The path of a new session of the network."""
    graphs: dict[str, str] = {}
    for name, training in (("train", True), ("validate", False)):
        response = http.post("/v1/graphs", content=network(training=training).to_json())
        assert response.status_code in (200, 201), response.text
        graphs[name] = response.json()["digest"]
    response = http.post("/v1/sessions", json={"graphs": graphs, "optimizer": ADAM, "seed": 3, **fields})
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def start_job(http: httpx.Client, session: str, **fields: Any) -> str:
    """The path of a new job."""
    response = http.post(f"{session}/jobs", json=fields)
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def wait(http: httpx.Client, job: str, state: str = "succeeded") -> dict[str, Any]:
    """The job once it is at its end, found to be in this state."""
    found = http.get(job).json()
    while found["ended"] is None:
        found = http.get(job, params={"after": found["last_event"], "wait": 10}).json()
    assert found["state"] == state, found
    return http.get(job).json()


def events_of(server: Server, job: str, after: int | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """Id, type and data of each message of an event stream that ends."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    return list(messages(server.http.get(f"{job}/events", headers=headers).text))


def messages(text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            yield fields.get("id", ""), fields["event"], json.loads(fields["data"])


def trained(
    epochs: int, batch_size: int, *, seed: int | None = 7, drop_last: bool = False, steps: int | None = None
) -> Session:
    """A session in this process that took the same steps in a loop over the builder's batches."""
    session = Session({"train": network(training=True), "validate": network(training=False)}, ADAM, seed=3)
    batches = Batches(data(), batch_size, shuffle=seed is not None, seed=seed or 0, drop_last=drop_last)
    for _ in range(epochs):
        for batch in batches:
            if steps is None or session.number < steps:
                session.step(batch)
    return session


class Setup:
    """A session, a data set to train with and one to validate with."""

    def __init__(self, server: Server, **fields: Any) -> None:
        self.http = server.http
        self.session = create_session(server.http, **fields)
        self.train = add_dataset(server.http, data())
        self.test = add_dataset(server.http, data(20, 1))

    def start(self, **fields: Any) -> str:
        return start_job(self.http, self.session, **{"dataset": self.train, "batch_size": 16, **fields})

    def run(self, state: str = "succeeded", **fields: Any) -> dict[str, Any]:
        return wait(self.http, self.start(**fields), state)
