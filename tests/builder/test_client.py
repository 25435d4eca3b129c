"""Clients and sessions against a server that is played by a function: what is sent, and what becomes of the answer."""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from rich.console import Console

import asg_builder as asg
from asg_builder import optim
from asg_builder.client import Client, ConnectionFailed, NotFound, UnexpectedAnswer, ValidationProblem, transfers
from asg_builder.client.payload import decode, encode
from asg_schema import AsgError, Document
from builder_harness.played_executor import DOCUMENT, SAFETENSORS, Server, decode_request


def test_creating_a_session() -> None:
    server = Server()
    session = server.client.create_session(
        {"train": DOCUMENT}, optim.SGD(0.1), seed=3, parameters={"w": [1.5, 2]}, engine="numpy"
    )
    posted, created = server.requests
    assert Document.from_json(posted.content) == DOCUMENT
    tensors, texts = decode_request(created.content)
    np.testing.assert_array_equal(tensors["w"], np.array([1.5, 2], ml_dtypes.bfloat16))
    assert json.loads(texts["graphs"]) == {"train": DOCUMENT.digest}
    assert json.loads(texts["optimizer"]) == optim.SGD(0.1).to_json()
    assert (texts["seed"], texts["engine"]) == ("3", "numpy")
    assert (session.id, session.number) == ("s", 0)


def test_a_session_is_asked_for_again_under_its_key() -> None:
    LOST.clear()
    lost = Client("http://executor", transport=httpx.MockTransport(lose_sessions), retries=1)
    with pytest.raises(ConnectionFailed):
        lost.create_session({"train": DOCUMENT})
    assert len(LOST) == 2
    assert len({request.headers["Idempotency-Key"] for request in LOST}) == 1
    with pytest.raises(ConnectionFailed):
        lost.create_session({"train": DOCUMENT}, idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in LOST]
    assert keys[2:] == ["mine"] * 2
    assert keys[0] != "mine"


def test_what_is_kept_of_a_session_and_what_is_not_finite() -> None:
    server = Server()
    server.client.create_session({"train": DOCUMENT}, durability={"snapshot_every": 5}, non_finite="skip")
    texts = decode_request(server.requests[-1].content)[1]
    assert (texts["durability"], texts["non_finite"]) == ('{"snapshot_every": 5}', "skip")
    server.client.create_session({"train": DOCUMENT})
    texts = decode_request(server.requests[-1].content)[1]
    assert not {"durability", "non_finite"} & texts.keys()


LOST: list[httpx.Request] = []


def lose_sessions(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/v1/sessions":
        LOST.append(request)
        raise httpx.ReadError("connection reset")
    return httpx.Response(201, json={"digest": DOCUMENT.digest})


def test_steps_are_numbered_and_their_data_converted() -> None:
    server = Server()
    session = server.session()
    outputs = session.step(x=np.array([[1.0, 2.0]]), n=3, outputs=["loss"])
    assert float(outputs["loss"]) == 0.5
    request = server.requests[-1]
    assert (request.method, request.url.path) == ("PUT", "/v1/sessions/s/steps/1")
    assert request.headers["content-type"] == SAFETENSORS
    tensors, texts = decode_request(request.content)
    assert tensors["x"].dtype == np.float32
    assert (tensors["n"].dtype, tensors["n"].shape) == (np.int32, ())
    assert texts == {"outputs": '["loss"]'}
    session.step({"x": [[1, 2]], "n": np.int64(7)})
    assert server.requests[-1].url.path.endswith("/steps/2")
    assert session.number == 2
    assert sum(request.url.path.startswith("/v1/graphs/") for request in server.requests) == 1


def test_arrays_of_any_layout_are_sent_as_they_read() -> None:
    server = Server()
    array = np.arange(12, dtype=">f4").reshape(2, 6).T[::2]
    server.session().step(x=array, n=0)
    np.testing.assert_array_equal(server.sent()["x"], array)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": [[True]]}, 'input "x": an array of bool is not converted to float32'),
        ({"n": 1.5}, 'input "n": an array of float64 is not converted to int32'),
        ({"n": 2**40}, r'input "n": 1099511627776 does not fit into int32'),
        ({"x": [[1e39]]}, 'input "x": it holds a number that overflows float32'),
        ({"x": [[2**24 + 1]]}, 'input "x": it holds an integer that float32 cannot represent'),
        ({"x": [[1], [1, 2]]}, 'input "x": the data is not an array'),
        ({"x": "text"}, 'input "x": an array of <U4'),
        ({"y": 1}, r'the graph "train": there is no input "y"; known are "x", "n"'),
    ],
)
def test_data_that_is_not_sent(inputs: dict[str, Any], message: str) -> None:
    server = Server()
    session = server.session()
    with pytest.raises(AsgError, match=message):
        session.step(inputs)
    assert session.number == 0
    assert not server.steps


def test_a_lost_answer_is_asked_for_again_by_the_same_call() -> None:
    server = Server()
    session = server.session()
    server.drop = 1
    with pytest.raises(ConnectionFailed) as failed:
        session.step(x=[[1, 2]], n=0)
    assert failed.value.sent
    assert (session.number, server.step) == (0, 1)
    assert float(session.step(x=[[1, 2]], n=0)["loss"]) == 0.5
    assert (session.number, server.step) == (1, 1)


def test_going_on_after_a_lost_answer_with_other_data() -> None:
    server = Server()
    session = server.session()
    server.drop = 1
    with pytest.raises(ConnectionFailed):
        session.step(x=[[1, 2]], n=0)
    with pytest.raises(ValidationProblem, match="step_mismatch"):
        session.step(x=[[3, 4]], n=0)
    assert session.refresh() == 1
    session.step(x=[[3, 4]], n=0)
    assert server.step == 2


def test_running_a_graph() -> None:
    server = Server()
    session = server.session()
    np.testing.assert_array_equal(session.run("train", x=[[1, 2]])["y"], [[2, 4]])
    assert decode_request(server.requests[-1].content)[1] == {"graph": "train"}
    with pytest.raises(AsgError, match='no graph "predict"; it has "train"'):
        session.run("predict", x=[[1, 2]])


def test_running_a_document_without_a_session() -> None:
    server = Server()
    server.client.run(DOCUMENT, {"x": [[1, 2]]}, {"w": [1, 2]}, outputs=["y"])
    tensors, texts = decode_request(server.requests[-1].content)
    assert sorted(tensors) == ["w", "x"]
    assert texts == {"outputs": '["y"]'}
    with pytest.raises(AsgError, match='the document "tiny": there is no parameter "q"'):
        server.client.run(DOCUMENT, {}, {"q": 1})


def test_parameters() -> None:
    server = Server()
    session = server.session()
    w = session.parameters()["w"]
    assert w.dtype == ml_dtypes.bfloat16
    w[0] = 7  # a copy, to be changed at will
    session.set_parameters({"w": w})
    np.testing.assert_array_equal(server.sent()["w"], np.array([7, 2], ml_dtypes.bfloat16))
    with pytest.raises(AsgError, match='there is no parameter "v"'):
        session.set_parameters({"v": w})


def test_saving(tmp_path: Path) -> None:
    server = Server()
    session = server.session()
    session.save(tmp_path / "w.safetensors")
    assert list(decode((tmp_path / "w.safetensors").read_bytes()).tensors) == ["w"]
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    with pytest.raises(AsgError, match=r"cannot write .*missing/w\.safetensors: No such file or directory$"):
        session.save(tmp_path / "missing" / "w.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AsgError, match=r"cannot write .*folder: Is a directory$"):
        session.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "w.safetensors"]


def test_loading(tmp_path: Path) -> None:
    server = Server()
    session = server.session()
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.array([1.0, 2.0 + 2**-20])}, {"format": "pt"}))
    found = session.load_parameters(path)
    assert found.sources == {"w": "w"}
    sent = server.sent()["w"]
    assert sent.dtype == ml_dtypes.bfloat16  # rounded from float64
    np.testing.assert_array_equal(sent, np.array([1, 2], ml_dtypes.bfloat16))
    session.load_parameters({"layer.w": [3, 4], "other": [1]}, prefix={"layer.": ""}, strict=False)
    np.testing.assert_array_equal(server.sent()["w"], np.array([3, 4], ml_dtypes.bfloat16))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"v": [1.0, 2.0]}, "the given mapping: 2 problems"),
        ({"w": [1.0]}, r'"w" has the shape \[1\]; \[2\] is needed'),
        ({"w": [1.0, 1e300]}, '1 of its tensors cannot be converted\n"w": it holds a number that overflows bfloat16'),
        ({"w": [True, False]}, "an array of bool is not converted to bfloat16"),
        ({"w": [[1.0], [1.0, 2.0]]}, '"w" is not an array'),
        ("none.safetensors", "cannot read none.safetensors: No such file"),
        ("broken.safetensors", "broken.safetensors is not a safetensors file"),
        ("small.safetensors", 'small.safetensors holds the tensor "w" of dtype I16, which documents have not'),
    ],
    ids=str,
)
def test_weights_that_do_not_fit(source: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.safetensors").write_bytes(b"abc")
    Path("small.safetensors").write_bytes(safetensors.numpy.save({"w": np.zeros(2, np.int16)}))
    server = Server()
    session = server.session()
    before = len(server.requests)
    with pytest.raises(AsgError, match=message):
        session.load_parameters(source)
    assert len(server.requests) == before


@pytest.mark.parametrize("prefix", ["model.", "w"])
def test_saving_a_part_that_is_not_there(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(AsgError, match=f'begins with "{re.escape(prefix)}"; there are w'):
        Server().session().save(tmp_path / "w.safetensors", prefix=prefix)
    assert not list(tmp_path.iterdir())


def test_a_session_that_exists_and_one_that_does_not() -> None:
    server = Server()
    server.step = 5
    session = server.client.session("s")
    assert session.number == 5
    assert "step 5" in repr(session)
    with pytest.raises(NotFound, match="no /v1/sessions/other"):
        server.client.session("other")
    session.delete()  # the server answers 404: it is gone already


def test_documents_come_back() -> None:
    assert Server().client.graph(DOCUMENT.digest) == DOCUMENT


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


@pytest.mark.parametrize(
    ("body", "message"), [(b"{", "not JSON"), (b"[]", "not a JSON object"), (b"{}", 'no field "id"')]
)
def test_an_answer_of_something_else_is_told_as_such(body: bytes, message: str) -> None:
    headers = {"content-type": "application/json"}
    other = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))
    with pytest.raises(UnexpectedAnswer, match=message):
        Client("http://executor", transport=other).session("s")


@pytest.mark.parametrize("body", [b"", b"\x10\x00\x00\x00\x00\x00\x00\x00{}", encode({"a": np.zeros(3)})[:-1]])
def test_a_broken_answer_is_told_as_such(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="not valid safetensors"):
        decode(body)


@pytest.mark.parametrize("dtype", list(asg.DType))
def test_every_dtype_survives_the_way_there_and_back(dtype: asg.DType) -> None:
    from asg_builder.arrays import numpy_dtype

    array = np.array([[0, 1], [1, 0]]).astype(numpy_dtype(dtype))
    found = decode(encode({"a": array, "scalar": array[0, 1], "empty": array[:0]}, step=3))
    np.testing.assert_array_equal(found.tensors["a"], array, strict=True)
    assert found.tensors["scalar"].shape == ()
    assert found.tensors["empty"].shape == (0, 2)
    assert found.fields == {"step": 3}


def test_one_name_is_no_list_of_names() -> None:
    server = Server()
    session = server.client.create_session({"train": DOCUMENT})
    for call in (
        lambda: session.step(x=[[1, 2]], outputs="loss"),
        lambda: session.run("train", x=[[1, 2]], outputs="loss"),
        lambda: server.client.run(DOCUMENT, {"x": [[1, 2]]}, outputs="loss"),
    ):
        with pytest.raises(AsgError, match=r'a list of names is needed: \["loss"\]'):
            call()
    assert server.step == 0


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


@pytest.mark.parametrize("id", ["../sessions", "a/b", "a?b", "a#b"])
def test_an_id_is_one_part_of_a_path(id: str) -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json={"code": "unknown_session", "detail": "none", "retryable": False})

    client = Client("http://executor", transport=httpx.MockTransport(answer))
    for ask in (client.session, client.graph):
        with pytest.raises(NotFound):
            ask(id)
    assert [path.count(b"/") for path in paths] == [3, 3]
    assert all(path.startswith(b"/v1/") and b"?" not in path for path in paths)


def test_a_saved_file_is_as_open_to_others_as_any(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    Server().client.session("s").save(tmp_path / "weights.safetensors")
    mode = (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "weights.safetensors").stat().st_mode == mode
    assert {file.name for file in tmp_path.iterdir()} == {"plain", "weights.safetensors"}


def test_answers_are_arrays_to_be_changed() -> None:
    loss = Server().client.create_session({"train": DOCUMENT}).step(x=[[1, 2]])["loss"]
    loss += 1
    assert float(loss) == 1.5


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


def test_transfers_tell_their_progress(tmp_path: Path) -> None:
    session = Server().session()
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    session.save(tmp_path / "w.safetensors", progress=progress)
    size = (tmp_path / "w.safetensors").stat().st_size
    assert told == [(size, size)]
    told.clear()
    session.load_parameters(tmp_path / "w.safetensors", progress=progress)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 0
    session.load_parameters(tmp_path / "w.safetensors", progress=True)  # no terminal, no bar


def test_a_transfer_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = StringIO()
    terminal = Console(file=drawn, force_terminal=True, width=100)

    def console(*, stderr: bool) -> Console:
        assert stderr
        return terminal

    monkeypatch.setattr(transfers, "Console", console)
    with transfers.reporting(True, "sending") as report:
        assert report is not None
        report(500_000, 1_000_000)
    assert "sending" in drawn.getvalue()
    assert "MB" in drawn.getvalue()


def test_a_document_of_a_newer_format_is_told_as_such() -> None:
    newer = {**DOCUMENT.to_dict(), "asg": 99}
    http = httpx.MockTransport(lambda _: httpx.Response(200, json={"document": newer}))
    with pytest.raises(UnexpectedAnswer, match=r"none that this version of asgraph reads: .*99"):
        Client("http://executor", transport=http).graph("d")
