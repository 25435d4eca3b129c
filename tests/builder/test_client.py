"""Clients and sessions against a server that is played by a function: what is sent, and what becomes of the answer."""

import asyncio
import json
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest

import asg_builder as asg
from asg_builder import optim
from asg_builder.client import AsyncClient, Client, ConnectionFailed, NotFound, UnexpectedAnswer, ValidationProblem
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
    assert not {"durability", "non_finite", "precision"} & texts.keys()


@pytest.mark.parametrize(("precision", "sent"), [("mixed", '"mixed"'), ({"kind": "mixed"}, '{"kind": "mixed"}')])
def test_the_precision_is_sent_as_json(precision: Any, sent: str) -> None:
    server = Server()
    server.client.create_session({"train": DOCUMENT}, precision=precision)
    assert decode_request(server.requests[-1].content)[1]["precision"] == sent

    async def create() -> None:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(server.answer)) as client:
            await client.create_session({"train": DOCUMENT}, precision=precision)

    asyncio.run(create())
    assert decode_request(server.requests[-1].content)[1]["precision"] == sent


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


def test_answers_are_arrays_to_be_changed() -> None:
    loss = Server().client.create_session({"train": DOCUMENT}).step(x=[[1, 2]])["loss"]
    loss += 1
    assert float(loss) == 1.5


def test_a_document_of_a_newer_format_is_told_as_such() -> None:
    newer = {**DOCUMENT.to_dict(), "asg": 99}
    http = httpx.MockTransport(lambda _: httpx.Response(200, json={"document": newer}))
    with pytest.raises(UnexpectedAnswer, match=r"none that this version of asgraph reads: .*99"):
        Client("http://executor", transport=http).graph("d")
