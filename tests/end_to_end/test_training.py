"""Training over HTTP in another process: what is promised to someone who builds a model and trains it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import Client, Conflict, NotFound, ValidationProblem
from asg_schema import Document
from builder_harness.dropping_proxy import DroppingProxy, dropping_proxy


def block_documents(**options: Any) -> tuple[Document, Document]:
    """A transformer block with a mean squared error, forward and with its gradient."""
    with asg.graph("block") as g:
        x = asg.input("x", ("batch", "sequence", 8))
        target = asg.input("target", ("batch", "sequence", 8))
        prediction = nn.TransformerBlock(8, 2, 32, name="block", **options)(x)
        g.output(prediction=prediction, loss=losses.mse(prediction, target))
    forward = g.document()
    return forward, grad(forward, of="loss")


def data(batch: int, sequence: int) -> dict[str, Any]:
    rng = np.random.default_rng(batch * 100 + sequence)
    return {name: rng.standard_normal((batch, sequence, 8), dtype=np.float32) for name in ("x", "target")}


@pytest.mark.parametrize(("batch", "sequence"), [(4, 7), (1, 1), (2, 1), (1, 5)])
def test_a_transformer_block_learns_at_any_batch_and_length(client: Client, batch: int, sequence: int) -> None:
    forward, train = block_documents()
    session = client.create_session({"predict": forward, "train": train}, optim.SGD(0.1), seed=1)
    inputs = data(batch, sequence)
    history = [float(session.step(inputs)["loss"]) for _ in range(60)]
    assert all(later < earlier for earlier, later in itertools.pairwise(history[:5]))
    assert history[-1] < 0.5 * history[0]
    error: Any = session.run("predict", x=inputs["x"])["prediction"] - inputs["target"]
    assert error.shape == (batch, sequence, 8)
    np.testing.assert_allclose(session.step(inputs)["loss"], (error * error).mean(), rtol=1e-4, atol=1e-8)


def test_one_session_takes_batches_of_every_shape(client: Client) -> None:
    forward, train = block_documents(causal=True)
    session = client.create_session({"predict": forward, "train": train}, optim.AdamW(1e-2))
    for batch, sequence in [(4, 7), (1, 1), (4, 7), (2, 3)]:
        outputs = session.step(data(batch, sequence))
        assert outputs["prediction"].shape == (batch, sequence, 8)
        assert np.isfinite(outputs["loss"])
    assert session.number == 4


@pytest.mark.parametrize(
    "optimizer",
    [optim.SGD(0.1, momentum=0.9, weight_decay=1e-3, nesterov=True), optim.Adam(1e-2), optim.AdamW(1e-2, amsgrad=True)],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_the_service_trains_as_the_library_does(client: Client, optimizer: optim.Optimizer) -> None:
    _, train = block_documents(dropout=0.2)
    remote = client.create_session({"train": train}, optimizer, seed=5)
    local = asg_executor.Session({"train": train}, optimizer=optimizer.to_json(), seed=5)
    for _ in range(5):
        inputs = data(2, 3)
        np.testing.assert_array_equal(remote.step(inputs)["loss"], local.step(inputs)["loss"])
    for name, value in local.parameters().items():
        np.testing.assert_array_equal(remote.parameters()[name], value, strict=True)


def test_gradient_descent_by_hand(client: Client) -> None:
    with asg.graph("regression") as g:
        x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 1))
        prediction = nn.Linear(3, 1, name="linear")(x)
        g.output(prediction=prediction, loss=losses.mse(prediction, target))
    forward = g.document()
    rng = np.random.default_rng(0)
    x_data, y_data = rng.standard_normal((16, 3)), rng.standard_normal((16, 1))
    weight, bias = rng.standard_normal((1, 3)), rng.standard_normal(1)
    session = client.create_session(
        {"predict": forward, "train": grad(forward, of="loss")},
        optim.SGD(0.1),
        parameters={"linear.weight": weight, "linear.bias": bias},
    )
    for _ in range(100):
        loss = session.step(x=x_data, target=y_data)["loss"]
        error = x_data @ weight.T + bias - y_data
        np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-4)
        weight, bias = weight - 0.1 * 2 * error.T @ x_data / 16, bias - 0.1 * 2 * error.mean(0)
    np.testing.assert_allclose(session.parameters()["linear.weight"], weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(session.parameters()["linear.bias"], bias, rtol=1e-5, atol=1e-6)


@pytest.fixture
def proxy(client: Client) -> Iterator[DroppingProxy]:
    with dropping_proxy(client.url) as server:
        yield server


def test_a_step_whose_answer_is_lost_is_taken_once(client: Client, proxy: DroppingProxy) -> None:
    _, train = block_documents()
    undisturbed = client.create_session({"train": train}, optim.Adam(1e-2), seed=2)
    expected = [undisturbed.step(data(2, 3))["loss"] for _ in range(4)]
    with Client(proxy.url) as disturbed_client:
        session = disturbed_client.create_session({"train": train}, optim.Adam(1e-2), seed=2)
        found: list[Any] = []
        for lost, cut in ((0, 0), (1, 0), (1, 1), (0, 0)):
            proxy.answers_to_lose, proxy.answers_to_cut = lost, cut
            found.append(session.step(data(2, 3))["loss"])
        np.testing.assert_array_equal(found, expected)
        assert session.number == client.session(session.id).number == 4
        assert [line.rpartition("/")[2] for line in proxy.passed if "/steps/" in line] == list("1223334")
        assert proxy.replayed == 3
        for name, value in undisturbed.parameters().items():
            np.testing.assert_array_equal(session.parameters()[name], value)


def test_two_clients_of_one_session(client: Client) -> None:
    _, train = block_documents()
    mine = client.create_session({"train": train}, optim.SGD(0.1))
    for _ in range(3):
        mine.step(data(1, 2))
    others = client.session(mine.id)
    assert others.number == 3
    others.step(data(1, 2))
    others.step(data(1, 3))
    with pytest.raises(Conflict, match="step_passed"):
        mine.step(data(2, 2))
    mine.number = 4
    with pytest.raises(ValidationProblem, match="step_mismatch"):
        mine.step(data(2, 2))
    mine.number = 6
    with pytest.raises(Conflict) as gap:
        mine.step(data(2, 2))
    assert gap.value.expected_step == 6
    assert mine.refresh() == 5
    mine.step(data(2, 2))


def test_what_is_wrong_is_told_and_harms_nothing(client: Client) -> None:
    _, train = block_documents()
    session = client.create_session({"train": train}, optim.SGD(0.1))
    session.step(data(2, 3))
    before = session.parameters()
    with pytest.raises(ValidationProblem, match="target") as missing:
        session.step(x=data(2, 3)["x"])
    assert missing.value.status == 422
    with pytest.raises(ValidationProblem, match="x"):
        session.step(x=np.zeros((2, 3, 7)), target=np.zeros((2, 3, 8)))
    with pytest.raises(ValidationProblem, match="nonsense"):
        session.step(data(2, 3), outputs=["nonsense"])
    with pytest.raises(ValidationProblem, match="optimizer"):
        client.create_session({"train": train})
    with pytest.raises(NotFound, match="no session"):
        client.session("nonsense")
    after = session.parameters()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert session.refresh() == 1
    session.step(data(2, 3))


def test_parameters_are_saved_and_set(client: Client, tmp_path: Path) -> None:
    forward, train = block_documents()
    session = client.create_session({"predict": forward, "train": train}, optim.SGD(0.1), seed=1)
    session.step(data(2, 3))
    session.save(tmp_path / "block.safetensors")
    saved = safetensors.numpy.load((tmp_path / "block.safetensors").read_bytes())
    other = client.create_session({"predict": forward}, parameters=saved)
    x = data(2, 3)["x"]
    np.testing.assert_array_equal(other.run("predict", x=x)["prediction"], session.run("predict", x=x)["prediction"])
    session.set_parameters({name: np.zeros_like(value) for name, value in saved.items()})
    np.testing.assert_array_equal(session.run("predict", x=x)["prediction"], x)  # only the residuals are left


def test_running_a_document_without_a_session(client: Client) -> None:
    with asg.graph() as g:
        x = asg.input("x", ("n", 2))
        g.output(y=x @ asg.parameter("w", (2, 1)), double=x * 2)
    found = client.run(g.document(), {"x": [[1, 2], [3, 4]]}, {"w": [[1], [10]]})
    np.testing.assert_array_equal(found["y"], [[21], [43]])
    assert client.graph(client.add_graph(g.document())).digest == g.document().digest
    assert list(client.run(g.document(), {"x": [[1, 2]]}, {"w": [[1], [10]]}, outputs=["double"])) == ["double"]


def test_sessions_are_listed_and_deleted(client: Client) -> None:
    _, train = block_documents()
    session = client.create_session({"train": train}, optim.SGD(0.1))
    assert session.id in [item["id"] for item in client.sessions()]
    session.delete()
    session.delete()
    assert session.id not in [item["id"] for item in client.sessions()]
    with pytest.raises(NotFound):
        session.step(data(1, 1))
    assert set(client.info()["dtypes"]) == {dtype.value for dtype in asg.DType}
