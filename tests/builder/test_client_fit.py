"""`Session.fit` against a server that is played by a function."""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import httpx
import numpy as np
import pytest
from rich.console import Console

from asg_builder.client import Client, ConnectionFailed
from asg_schema import AsgError
from builder_harness.played_executor import DOCUMENT, Server, decode_request


def test_fit() -> None:
    server = Server()
    session = server.session()
    seen: list[tuple[int, float]] = []
    batches = [{"x": [[1, 2]], "n": 0}, {"x": [[3, 4]], "n": 1}]
    history = session.fit(batches, epochs=2, on_epoch=lambda epoch, figures: seen.append((epoch, figures["loss"])))
    assert list(history) == ["loss"]
    np.testing.assert_allclose(history["loss"], [(0.5 + 0.25) / 2, (0.5 / 3 + 0.125) / 2], rtol=1e-6)
    assert seen == list(enumerate(history["loss"], 1))
    with pytest.raises(AsgError, match="epoch 2 has no batch; give a list"):
        session.fit(iter(batches), epochs=2)


def test_fit_goes_on_after_an_interruption() -> None:
    """With whatever batches: a step whose answer never came may have been taken."""
    server = Server()
    session = server.session()

    def batches() -> Iterator[dict[str, Any]]:
        yield {"x": [[1, 2]], "n": 0}
        server.drop = 1
        yield {"x": [[3, 4]], "n": 0}

    with pytest.raises(ConnectionFailed):
        session.fit(batches())
    assert (session.number, server.step) == (1, 2)
    assert session.fit([{"x": [[5, 6]], "n": 0}]) == {"loss": [pytest.approx(0.5 / 3)]}
    assert session.number == server.step == 3


@pytest.mark.parametrize(
    ("answer", "epochs"), [(True, 1), (np.True_, 1), (False, 3), (np.False_, 3), (None, 3), (1, 3), (np.ones(2), 3)]
)
def test_fit_ends_where_the_answer_is_true(answer: object, epochs: int) -> None:
    session = Server().session()
    history = session.fit([{"x": [[1, 2]], "n": 0}], epochs=3, on_epoch=lambda epoch, figures: answer)
    assert len(history["loss"]) == epochs


def test_what_is_printed_while_fitting_stays_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = StringIO()
    session = Server().session()
    session.fit(
        [{"x": [[1, 2]], "n": 0}],
        on_epoch=lambda epoch, figures: sys.stdout.write(f"{epoch} {figures['loss']}\n"),
        console=Console(file=drawn, force_terminal=True, width=80),
    )
    assert capsys.readouterr().out == "1 0.5\n"
    assert "epoch 1/1" in drawn.getvalue()


def test_a_negative_number_of_epochs() -> None:
    with pytest.raises(AsgError, match="epochs is -1; a number of at least 0 is needed"):
        Server().session().fit([], epochs=-1)
    assert Server().session().fit([], epochs=0) == {}


def test_fit_says_what_a_batch_and_a_loss_are() -> None:
    session = Server().client.create_session({"train": DOCUMENT})
    pairs: Any = [(np.ones((1, 2)), 1)]
    with pytest.raises(AsgError, match=r"a batch is a tuple; a mapping of the inputs' names"):
        session.fit(pairs)
    assert session.number == 0
    wide = httpx.MockTransport(
        lambda request: (
            httpx.Response(200, json={"id": "s", "step": 0, "graphs": {"train": "d"}, "parameters": []})
            if request.method == "GET" and request.url.path == "/v1/sessions/s"
            else httpx.Response(200, json={"inputs": [], "outputs": []})
            if request.method == "GET"
            else Server.tensors({"loss": np.zeros(3, np.float32)})
        )
    )
    with pytest.raises(AsgError, match=r'the output "loss" has the shape \[3\]; a loss is one number'):
        Client("http://executor", transport=wide).session("s").fit([{}])


def test_fit_goes_on_with_a_training() -> None:
    server = Server()
    session = server.session()
    batches = [{"x": [[number, number]], "n": number} for number in range(4)]
    steps: list[tuple[int, float]] = []

    def on_step(number: int, figures: Mapping[str, float]) -> bool:
        steps.append((number, figures["loss"]))
        return number == 2

    assert len(session.fit(batches, epochs=3, start_step=0, on_step=on_step)["loss"]) == 1
    assert steps == [(1, 0.5), (2, 0.25)]
    epochs: list[int] = []
    history = session.fit(batches, epochs=3, start_step=0, on_epoch=lambda epoch, figures: epochs.append(epoch))
    assert epochs == [1, 2, 3]
    assert server.step == 12
    sent = [int(decode_request(server.steps[number])[0]["n"]) for number in range(1, 13)]
    assert sent == [0, 1, 2, 3] * 3
    np.testing.assert_allclose(history["loss"][0], (0.5 / 3 + 0.5 / 4) / 2, rtol=1e-6)
    assert session.fit(batches, epochs=3, start_step=0) == {}
    assert session.fit(batches, epochs=1, start_step=12) == {
        "loss": [pytest.approx(np.mean([0.5 / n for n in (13, 14, 15, 16)]))]
    }


def test_the_bar_has_the_loss_the_speed_and_the_time_that_is_left() -> None:
    drawn = StringIO()
    console = Console(file=drawn, force_terminal=True, width=100)
    batches = [{"x": [[1, 2]], "n": 0}] * 3
    Server().session().fit(batches, epochs=2, console=console, on_step=lambda number, figures: time.sleep(0.15))
    text = drawn.getvalue()
    assert re.search(r"epoch 2/2, loss 0\.\d{4}", text)
    assert re.search(r"[\d.]+ steps/s", text)
    assert re.search(r"\d/6", text)
    assert re.search(r"\d:\d\d:\d\d", text)
