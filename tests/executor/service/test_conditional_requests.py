"""ETags, If-Match and If-None-Match: nothing is changed in a state that the client does not mean."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_executor import Session
from asg_executor.api.entity_tags import EntityTags
from asg_executor.api.problems import ProblemError
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_data

OTHER = '"0000"'


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path) as server:
        yield server


def body(number: int) -> dict[str, Any]:
    return {"inputs": {name: value.tolist() for name, value in regression_data(seed=number).items()}}


def tag(server: Server, session: str) -> str:
    return server.http.get(session).headers["ETag"]


def writes(session: str) -> list[tuple[str, str, Any]]:
    return [
        ("PUT", f"{session}/steps/1", body(1)),
        ("PUT", f"{session}/parameters", {"parameters": {"bias": [1.0]}}),
        ("POST", f"{session}/checkpoints/a/restore", {}),
        ("POST", f"{session}/checkpoints", {"name": "b"}),
        ("DELETE", f"{session}/checkpoints/a", None),
        ("DELETE", session, None),
    ]


@pytest.mark.parametrize("number", range(6))
def test_each_write_heeds_the_state_that_it_is_meant_for(kept: Server, number: int) -> None:
    session = kept.create_session()
    kept.http.post(f"{session}/checkpoints", json={"name": "a"})
    method, path, content = writes(session)[number]
    before = kept.http.get(session).json()
    for condition in (OTHER, f"W/{tag(kept, session)}"):
        response = kept.http.request(method, path, json=content, headers={"If-Match": condition})
        found = problem(response, "state_changed")
        assert (found["digest"], response.headers["ETag"]) == (before["digest"], f'"{before["digest"]}"')
        assert kept.http.get(session).json() == before
    assert len(kept.http.get(f"{session}/checkpoints").json()["checkpoints"]) == 1
    condition = f'{OTHER}, "a,b" ,,{tag(kept, session)}'
    response = kept.http.request(method, path, json=content, headers={"If-Match": condition})
    assert response.status_code in (200, 201, 204), response.text


def test_a_condition_that_cannot_be_read_is_refused_and_changes_nothing(kept: Server) -> None:
    session = kept.create_session()
    for condition in ("", "abc", '"a', 'w/"a"', '"a" "b"', '*, "a"', '"a",b'):
        response = kept.http.put(f"{session}/steps/1", json=body(1), headers={"If-Match": condition})
        assert "If-Match" in problem(response, "invalid_request")["detail"]
    assert kept.http.get(session).json()["step"] == 0


def test_a_step_that_was_taken_is_answered_again_whatever_it_was_meant_for(kept: Server) -> None:
    session = kept.create_session()
    headers = {"If-Match": tag(kept, session)}
    first = kept.http.put(f"{session}/steps/1", json=body(1), headers=headers)
    assert first.headers["ETag"] == tag(kept, session) != headers["If-Match"]
    again = kept.http.put(f"{session}/steps/1", json=body(1), headers=headers)
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (200, first.json(), "true")
    second = kept.http.put(f"{session}/steps/2", json=body(2), headers={"If-Match": first.headers["ETag"]})
    assert second.status_code == 200
    problem(kept.http.put(f"{session}/steps/3", json=body(3), headers=headers), "state_changed")
    problem(kept.http.put(f"{session}/steps/9", json=body(3), headers=headers), "step_gap")


def test_no_digest_is_computed_for_a_step_that_does_not_ask_for_it(
    kept: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, computed = Session.digest, [0]

    def count(self: Session) -> str:
        computed[0] += 1
        return original(self)

    session = kept.create_session(durability="checkpoint_only")
    monkeypatch.setattr(Session, "digest", count)
    assert "ETag" not in kept.http.put(f"{session}/steps/1", json=body(1)).headers
    assert computed == [0]
    for _ in range(3):
        kept.http.get(session)
    assert computed == [1], "once for each state"


def test_what_the_client_has_already_is_not_sent(kept: Server) -> None:
    session = kept.create_session(optimizer={"kind": "sgd", "learning_rate": 0.1, "average_decay": 0.5})
    kept.http.post(f"{session}/checkpoints", json={"name": "a"})
    known = tag(kept, session)
    paths = [session, f"{session}/parameters", f"{session}/parameters/average", f"{session}/checkpoints/a"]
    for path in paths:
        for condition in (known, f"W/{known}", f"{OTHER}, {known}", "*"):
            response = kept.http.get(path, headers={"If-None-Match": condition})
            assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", known)
        assert kept.http.get(path, headers={"If-None-Match": OTHER}).status_code == 200
        problem(kept.http.get(path, headers={"If-None-Match": "abc"}), "invalid_request")
    kept.http.put(f"{session}/steps/1", json=body(1))
    for path in paths[:3]:
        assert kept.http.get(path, headers={"If-None-Match": known}).status_code == 200


def test_of_simultaneous_writes_in_one_state_one_is_carried_out(kept: Server) -> None:
    session = kept.create_session()
    headers = {"If-Match": tag(kept, session)}

    async def send_all() -> list[httpx.Response]:
        async with kept.asynchronous() as http:
            contents = [{"parameters": {"bias": [float(number + 1)]}} for number in range(8)]
            return await asyncio.gather(
                *(http.put(f"{session}/parameters", json=content, headers=headers) for content in contents)
            )

    statuses = [response.status_code for response in kept.runner.run(send_all())]
    assert sorted(statuses) == [200] + [412] * 7


def test_a_session_that_changed_is_not_deleted(kept: Server, tmp_path: Path) -> None:
    session = kept.create_session()
    stale = {"If-Match": tag(kept, session)}
    kept.http.put(f"{session}/steps/1", json=body(1))
    problem(kept.http.delete(session, headers=stale), "state_changed")
    assert kept.http.put(f"{session}/steps/2", json=body(2)).status_code == 200
    assert kept.http.delete(session, headers={"If-Match": tag(kept, session)}).status_code == 204
    assert list((tmp_path / "sessions").iterdir()) == []


OPAQUE = st.text(
    st.characters(codec="latin-1", exclude_characters='"\x7f', exclude_categories=["Zs", "Cc"]), max_size=8
)


@given(st.lists(st.tuples(st.booleans(), OPAQUE), min_size=1, max_size=5), st.sampled_from([",", ", ", " ,\t", ",,"]))
@example([(False, "a,b"), (True, "")], ", ,")
def test_tags_are_read_as_they_were_written(tags: list[tuple[bool, str]], between: str) -> None:
    text = between.join(f'{"W/" if weak else ""}"{opaque}"' for weak, opaque in tags)
    found = EntityTags.parse("If-Match", text)
    assert found.strong == {opaque for weak, opaque in tags if not weak}
    assert found.weak == {opaque for weak, opaque in tags if weak}


@given(st.text(st.sampled_from('"W/*a, \t'), max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ProblemError):
        found = EntityTags.parse("If-Match", text)
        assert found.any or found.strong or found.weak
