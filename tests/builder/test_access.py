"""The client's key: where it comes from, to whom it is sent, and where it never appears."""

import asyncio
import traceback
from typing import Any

import httpx
import pytest

from asg_builder.client import AccessDenied, AsyncClient, Client, QuotaExceeded
from asg_schema import AsgError

KEY = "asg_1a2b3c4d_" + "s" * 43


class Recorder:
    """A server that remembers the keys that it was sent, and answers one thing."""

    def __init__(self, status: int = 200, **content: Any) -> None:
        self.seen: list[str | None] = []
        self._status, self._content = status, content

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.headers.get("authorization"))
        return httpx.Response(self._status, json=self._content)


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        (None, None, None),
        (None, KEY, f"Bearer {KEY}"),
        ("other", KEY, "Bearer other"),
        ("", KEY, None),
        (None, "", None),
    ],
)
def test_where_the_key_comes_from(
    given: str | None, environment: str | None, sent: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASG_API_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("ASG_API_KEY", environment)
    recorder = Recorder(tenant="research")
    with Client("http://executor", api_key=given, transport=httpx.MockTransport(recorder)) as client:
        assert client.access() == {"tenant": "research"}
    assert recorder.seen == [sent]


def test_the_asynchronous_client_has_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_API_KEY", KEY)
    recorder = Recorder(tenant="research")

    async def ask() -> dict[str, Any]:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(recorder)) as client:
            return await client.access()

    assert asyncio.run(ask()) == {"tenant": "research"}
    assert recorder.seen == [f"Bearer {KEY}"]


def test_a_local_server_is_not_sent_the_key_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASG_API_KEY", KEY)
    monkeypatch.setenv("ASG_REQUIRE_KEY", "true")  # meant for another server, too
    with Client.local() as client:
        assert client.access()["key"] is None  # an unknown key would be refused


def test_the_key_is_in_no_text_of_the_client() -> None:
    recorder = Recorder(401, code="unauthorized", detail="this key is not known here")
    client = Client("http://executor", api_key=KEY, transport=httpx.MockTransport(recorder))
    with pytest.raises(AccessDenied) as denied:
        client.sessions()
    texts = [repr(client), str(client), repr(vars(client)), repr(denied.value), str(vars(denied.value))]
    texts += traceback.format_exception(denied.value)
    assert all(KEY not in text for text in texts)


@pytest.mark.parametrize("key", ["two words", "line\nend", f"{KEY}\n", "schlüssel", "tab\t", "\x00"])
def test_a_key_that_no_header_can_have_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(AsgError, match="a character that a key cannot have") as refused:
        Client("http://executor", api_key=key)
    assert key not in str(refused.value)


def test_a_quota_is_not_tried_again() -> None:
    content = {"code": "quota_exceeded", "detail": "of 1 sessions …", "retryable": False, "used": 1, "maximum": 1}
    recorder = Recorder(429, **content)
    with Client("http://executor", transport=httpx.MockTransport(recorder)) as client:
        with pytest.raises(QuotaExceeded) as refused:
            client.sessions()
        assert (refused.value.content["used"], refused.value.content["maximum"]) == (1, 1)
    assert len(recorder.seen) == 1
