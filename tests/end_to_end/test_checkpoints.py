"""Checkpoints through the client, against a real server."""

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import Client, Conflict, NotFound


def test_going_back_and_going_on_again() -> None:
    with asg.graph("line") as g:
        prediction = nn.Linear(2, 1, name="linear")(asg.input("x", ("batch", 2)))
        g.output(loss=losses.mse(prediction, asg.input("target", ("batch", 1))))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 2)).astype(np.float32)
    target = x @ np.array([[1.0], [-1.0]], np.float32)
    with Client.local() as client:
        session = client.create_session({"train": grad(g.document())}, optim.Adam(0.1), seed=0)
        for _ in range(3):
            session.step(x=x, target=target)
        made = session.checkpoints.create("three")
        assert (made["name"], made["step"]) == ("three", 3)
        kept = session.parameters()
        after = [float(session.step(x=x, target=target)["loss"]) for _ in range(3)]
        assert session.number == 6
        with pytest.raises(Conflict, match='"three" has the state of step 3'):
            session.checkpoints.create("three")
        assert session.checkpoints.create()["name"] == "step-6"
        assert [item["name"] for item in session.checkpoints.list()] == ["three", "step-6"]
        found = session.checkpoints.parameters("three")
        assert found.keys() == kept.keys()
        session.checkpoints.restore("three")
        assert session.number == 3
        for name, array in session.parameters().items():
            np.testing.assert_array_equal(array, kept[name])
            np.testing.assert_array_equal(array, found[name])
        assert [float(session.step(x=x, target=target)["loss"]) for _ in range(3)] == after
        session.checkpoints.delete("three")
        with pytest.raises(NotFound):
            session.checkpoints.restore("three")
