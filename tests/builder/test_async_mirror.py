"""The asynchronous client has the methods of the synchronous one, with the same arguments and the same description."""

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

import pytest

from asg_builder.client import AsyncClient, AsyncJob, AsyncSession, Client, Job, Session
from asg_builder.client.async_checkpoints import AsyncCheckpoints
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.checkpoints import Checkpoints
from asg_builder.client.raw_client import AsyncRawClient, RawClient
from asg_builder.client.raw_job import AsyncRawJob, RawJob
from asg_builder.client.raw_session import AsyncRawCheckpoints, AsyncRawSession, RawCheckpoints, RawSession
from asg_builder.client.transport import Transport

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (Client, AsyncClient),
    (Session, AsyncSession),
    (Checkpoints, AsyncCheckpoints),
    (Job, AsyncJob),
    (Transport, AsyncTransport),
]
WITHOUT_NETWORK = {"with_options"}
ONLY_SYNCHRONOUS = {Transport: {"request"}}
"""`Transport.request` is for programs that know the paths themselves, such as the conformance command."""
OF_THEIR_OWN = {"perform", "stream_lines", "events"}
"""What they raise, or the kind of what they return, is not the same; the arguments are."""
MANY_RESPONSES = {
    Client: {"add_dataset", "close", "local", "with_options"},
    Session: {"start_job", "evaluate", "fit", "figures", "delete", "with_options"},
    Checkpoints: set[str](),
    Job: {"delete", "events", "wait"},
}
"""What no single response answers, so that `with_raw_response` has it not; `delete` takes a 404 for done."""


def public(owner: type[Any]) -> dict[str, Any]:
    members = {name: inspect.getattr_static(owner, name) for name in dir(owner)}
    return {name: member for name, member in members.items() if not name.startswith("_")}


def function_of(member: Any) -> Callable[..., Any]:
    if isinstance(member, property):
        assert member.fget is not None
        return member.fget
    return getattr(member, "__func__", member)


def plain(text: str) -> str:
    """A text in which names of asynchronous things are those of their counterparts."""
    text = re.sub(r"asg_builder\.client\.async_", "asg_builder.client.", text).replace("`async with`", "`with`")
    return re.sub(r"(?<![A-Za-z])Async(?=[A-Z])", "", re.sub(r"\basyncio\.sleep\b|\btime\.sleep\b", "sleep", text))


def described(function: Callable[..., Any]) -> list[str]:
    signature = inspect.signature(function)
    types = {name: str(hint) for name, hint in get_type_hints(function).items() if name not in ("sleep", "http")}
    parameters = [
        (item.name, str(item.kind), "" if item.name == "sleep" else str(item.default))
        for item in signature.parameters.values()
    ]
    return [plain(str(entry)) for entry in (parameters, sorted(types.items()), inspect.getdoc(function))]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda owner: owner.__name__)
def test_the_public_names_are_the_same(one: type[Any], other: type[Any]) -> None:
    assert set(public(one)) - ONLY_SYNCHRONOUS.get(one, set()) == set(public(other))


METHODS = [
    (one, other, name)
    for one, other in PAIRS
    for name in public(one)
    if name not in ONLY_SYNCHRONOUS.get(one, set()) and callable(function_of(public(one)[name]))
]


@pytest.mark.parametrize(("one", "other", "name"), METHODS, ids=lambda item: getattr(item, "__name__", item))
def test_each_method_has_its_counterpart(one: type[Any], other: type[Any], name: str) -> None:
    mine, its = public(one)[name], public(other)[name]
    assert type(mine) is type(its)
    if name in OF_THEIR_OWN:
        assert plain(str(inspect.signature(mine).parameters)) == plain(str(inspect.signature(its).parameters))
        return
    assert described(function_of(mine)) == described(function_of(its))
    if not isinstance(mine, property):
        assert not inspect.iscoroutinefunction(function_of(mine))
        assert inspect.iscoroutinefunction(function_of(its)) is (name not in WITHOUT_NETWORK)


@pytest.mark.parametrize(
    ("plain_class", "raw_class"),
    [(Client, RawClient), (Session, RawSession), (Checkpoints, RawCheckpoints), (Job, RawJob)],
)
def test_every_method_that_one_response_answers_has_a_raw_form(plain_class: type[Any], raw_class: type[Any]) -> None:
    methods = {name for name, member in public(plain_class).items() if not isinstance(member, property)}
    expected = methods - MANY_RESPONSES[plain_class]
    raw_names = {
        RawClient: AsyncRawClient,
        RawSession: AsyncRawSession,
        RawCheckpoints: AsyncRawCheckpoints,
        RawJob: AsyncRawJob,
    }
    for owner in (raw_class, raw_names[raw_class]):
        source = inspect.getsource(owner.__init__)
        assigned = set(re.findall(r"self\.(\w+) = (?:async_)?raw\(\w+\.(\w+)\)", source))
        assert {name for name, _ in assigned} == expected
        assert all(name == of for name, of in assigned)


def test_coroutines_are_what_is_awaited() -> None:
    client = AsyncClient("http://executor")
    pending: Coroutine[Any, Any, dict[str, Any]] = client.info()
    assert inspect.iscoroutine(pending)
    pending.close()
