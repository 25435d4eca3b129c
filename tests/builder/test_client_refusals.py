"""What a client refuses to send, because it cannot be meant, and answers that it cannot read."""

from collections.abc import Callable
from typing import Any, cast

import httpx
import numpy as np
import pytest

import asg_builder as asg
from asg_builder import optim
from asg_builder.client import Client, UnexpectedAnswer
from asg_schema.errors import AsgError
from builder_harness.played_executor import DOCUMENT, Server, decode_request

NOT_A_NAME = ["", ".", ".."]


@pytest.mark.parametrize("name", NOT_A_NAME)
def test_no_name_makes_another_path(name: str) -> None:
    """A path that ends with ".." is that of the session, which a DELETE would delete."""
    server = Server()
    session = server.session()
    sent = len(server.requests)
    calls: list[Callable[[], object]] = [
        lambda: session.checkpoints.delete(name),
        lambda: session.checkpoints.parameters(name),
        lambda: session.checkpoints.restore(name),
        lambda: server.client.session(name),
        lambda: server.client.graph(name),
        lambda: server.client.job(name),
        lambda: server.client.delete_dataset(name),
    ]
    for call in calls:
        with pytest.raises(AsgError, match=f'"{name}" is not the name of anything'):
            call()
    assert len(server.requests) == sent


BAD_ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((DOCUMENT,), {}, "graphs is a Document; a mapping of names to documents is needed"),
    (({"train": asg.Graph("g")},), {}, r'graphs\["train"\] is a Graph; a Document is needed; its document\(\) is one'),
    (({"train": "text"},), {}, r'graphs\["train"\] is a str; a Document is needed$'),
    (({"train": DOCUMENT}, "adam"), {}, "optimizer is a str; one of asg_builder.optim is needed"),
    (({"train": DOCUMENT},), {"idempotency_key": "ключ"}, "1 to 255 visible ASCII characters"),
    (({"train": DOCUMENT},), {"idempotency_key": "a\nX: b"}, "1 to 255 visible ASCII characters"),
    (({"train": DOCUMENT},), {"idempotency_key": ""}, "1 to 255 visible ASCII characters"),
    (({"train": DOCUMENT},), {"idempotency_key": "k" * 256}, "1 to 255 visible ASCII characters"),
    (({"train": DOCUMENT},), {"seed": object()}, "a object is nothing that JSON has"),
]


@pytest.mark.parametrize(("arguments", "named", "message"), BAD_ARGUMENTS)
def test_what_makes_no_session(arguments: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    server = Server()
    with pytest.raises(AsgError, match=message):
        server.client.create_session(*arguments, **named)
    assert not [request for request in server.requests if request.url.path == "/v1/sessions"]


def test_what_is_no_document() -> None:
    server = Server()
    graph: Any = asg.Graph("g")
    calls: list[Callable[[], object]] = [
        lambda: server.client.add_graph(graph),
        lambda: server.client.run(graph, {}),
    ]
    for call in calls:
        with pytest.raises(AsgError, match=r"document is a Graph; a Document is needed; its document\(\) is one"):
            call()
    assert not server.requests


def test_numbers_of_numpy_are_numbers() -> None:
    server = Server()
    server.client.create_session({"train": DOCUMENT}, optim.SGD(0.1), seed=cast("int", np.int64(7)))
    assert decode_request(server.requests[-1].content)[1]["seed"] == "7"


SESSION: dict[str, Any] = {"id": "s", "step": 0, "graphs": {}, "parameters": []}
UNREADABLE: list[dict[str, Any]] = [
    SESSION | {"step": "x"},
    SESSION | {"graphs": [1]},
    SESSION | {"parameters": [{"id": "w"}]},
    SESSION | {"parameters": [{"id": "w", "dtype": "float8", "shape": []}]},
    SESSION | {"parameters": 3},
]


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_session_of_another_version(content: dict[str, Any]) -> None:
    client = Client("http://executor", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=content)))
    with pytest.raises(UnexpectedAnswer, match="the description of a session cannot be read"):
        client.session("s")


def test_jobs_and_data_sets_of_another_version() -> None:
    answers = {"/v1/jobs/j": {"id": "j"}, "/v1/datasets": {"datasets": [{"digest": "d"}]}}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
    client = Client("http://executor", transport=transport)
    with pytest.raises(UnexpectedAnswer, match='the answer has no field "state"; it has id'):
        client.job("j")
    with pytest.raises(UnexpectedAnswer, match='the answer has no field "bytes"; it has digest'):
        client.datasets()


def test_what_another_server_has_not_is_not_taken_for_deleted() -> None:
    found = httpx.Response(404, json={"detail": "Not Found"})
    client = Client("http://executor", transport=httpx.MockTransport(lambda _: found))
    with pytest.raises(UnexpectedAnswer, match="seems to be no ASG executor"):
        client.delete_dataset("d")
