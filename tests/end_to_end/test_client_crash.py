"""A training whose client is killed goes on in another process, and ends with the weights that it would have had."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from asg_builder.client import Client

PROGRAM = """
import asyncio, json, os, signal, sys
import httpx
import numpy as np
import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import AsyncClient, Client
from asg_builder.data import Batches

url, kind, path, kill_at, how = sys.argv[1:]
kill_at = int(kill_at)

def train():
    with asg.graph("crash") as g:
        x, y = asg.input("x", ("batch", 6)), asg.input("y", ("batch", 1))
        hidden = asg.relu(nn.Linear(6, 16, name="first")(x))
        g.output(loss=losses.mse(nn.Linear(16, 1, name="second")(nn.Dropout(0.2)(hidden)), y))
    return grad(g.document(), of="loss")

rng = np.random.default_rng(0)
data = {"x": rng.standard_normal((50, 6)).astype(np.float32), "y": rng.standard_normal((50, 1)).astype(np.float32)}
batches = Batches(data, 16, shuffle=True, seed=5)  # 4 steps an epoch
asked = {"optimizer": optim.Adam(1e-2), "seed": 7, "idempotency_key": f"crash-{kind}-{how}-{path}"}

def die_between_steps(number, figures):
    if how == "between" and number == kill_at:
        die()

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def is_deadly(request):
    return how == "unanswered" and request.url.path.endswith(f"/steps/{kill_at}")

class Network(httpx.HTTPTransport):
    def handle_request(self, request):
        response = super().handle_request(request)
        if is_deadly(request):
            die()  # the step is taken, and its answer never read
        return response

class AsyncNetwork(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        if is_deadly(request):
            die()
        return response

async def main():
    async with AsyncClient(url, transport=AsyncNetwork()) as client:
        session = await client.create_session({"train": train()}, **asked)
        history = await session.fit(batches, epochs=6, start_step=0, on_step=die_between_steps)
        await session.save(path)
        print(json.dumps({"number": session.number, "epochs": len(history["loss"])}))

if kind == "async":
    asyncio.run(main())
else:
    with Client(url, transport=Network()) as client:
        session = client.create_session({"train": train()}, **asked)
        history = session.fit(batches, epochs=6, start_step=0, on_step=die_between_steps)
        session.save(path)
        print(json.dumps({"number": session.number, "epochs": len(history["loss"])}))
"""


def run(client: Client, kind: str, path: Path, kill_at: int, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, client.url, kind, str(path), str(kill_at), how]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@pytest.mark.parametrize(("kind", "how"), [("sync", "between"), ("sync", "unanswered"), ("async", "unanswered")])
def test_a_successor_ends_with_the_same_weights(client: Client, tmp_path: Path, kind: str, how: str) -> None:
    whole = run(client, kind, tmp_path / "whole", 0, "never")
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout) == {"number": 24, "epochs": 6}
    path = tmp_path / "resumed"
    for kill_at in (6, 12):
        killed = run(client, kind, path, kill_at, how)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not path.exists()
    resumed = run(client, kind, path, 0, how)
    assert resumed.returncode == 0, resumed.stderr
    found = json.loads(resumed.stdout)
    assert found == {"number": 24, "epochs": 3}
    expected = safetensors.numpy.load((tmp_path / "whole").read_bytes())
    for name, value in safetensors.numpy.load(path.read_bytes()).items():
        np.testing.assert_array_equal(value, expected[name])
