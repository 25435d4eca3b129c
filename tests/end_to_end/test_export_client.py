"""Exported checkpoints through the client, against a real server."""

from pathlib import Path

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import AccessDenied, Client, NotFound
from asg_schema.document import Document


def line() -> Document:
    with asg.graph("line") as g:
        prediction = nn.Linear(2, 1, name="linear")(asg.input("x", ("batch", 2)))
        g.output(loss=losses.mse(prediction, asg.input("target", ("batch", 1))))
    return grad(g.document())


def test_a_checkpoint_goes_to_another_session_by_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_EXPORT_URLS", f'["file://{tmp_path}/"]')
    x = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
    target = x @ np.array([[1.0], [-1.0]], np.float32)
    url = f"file://{tmp_path}/runs/1"
    with Client.local() as client:
        session = client.create_session({"train": line()}, optim.Adam(0.1), seed=0)
        for _ in range(3):
            session.step(x=x, target=target)
        session.checkpoints.create("three", metrics={"loss": float("inf")})
        assert session.checkpoints.export("three", url)["step"] == 3
        with pytest.raises(AccessDenied, match="export_not_allowed"):
            session.checkpoints.export("three", "file:///etc/asg")
    with Client.local() as client:
        other = client.create_session({"train": line()}, optim.Adam(0.1), seed=7)
        with pytest.raises(NotFound, match="unknown_export"):
            other.checkpoints.import_(f"file://{tmp_path}/runs/2")
        imported = other.checkpoints.import_(url, "elsewhere")
        assert (imported["step"], imported["metrics"]) == (3, {"loss": "inf"})
        other.checkpoints.restore("elsewhere")
        assert other.number == 3
        loss = other.step(x=x, target=target)["loss"]
        third = client.import_session(url, idempotency_key="third")
        assert (third.number, client.import_session(url, idempotency_key="third").id) == (3, third.id)
        assert float(third.step(x=x, target=target)["loss"]) == float(loss)
    with Client.local() as client:
        oracle = client.create_session({"train": line()}, optim.Adam(0.1), seed=0)
        assert [float(oracle.step(x=x, target=target)["loss"]) for _ in range(4)][-1] == float(loss)
