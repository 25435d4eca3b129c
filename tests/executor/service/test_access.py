"""Who is let in where: every route of the application, with every kind of key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from asg_executor.access.keys import KeyStore
from asg_executor.access.principal import Scope
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.access import Operation, bearer, operations
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, regression_data, regression_gradient

OPERATIONS = operations()


PROTECTED = [item for item in OPERATIONS if item.needs is not None]


NOBODY = "asg_00000000_" + "A" * 43


ABSENT = {"session_id": "0" * 32, "digest": "0" * 64, "model_name": "0" * 32, "dataset": "0" * 64, "job_id": "0" * 32}
"""For parameters of paths that name what a tenant has, what is not there."""


OWNED = (
    "/v1/sessions/{session_id}",
    "/v1/graphs/{digest}",
    "/v2/models/{model_name}",
    "/v2/repository/models/{model_name}",
    "/v1/datasets/{dataset}",
    "/v1/jobs/{job_id}",
)
"""How paths begin that name what a tenant has."""


TESTED_ELSEWHERE: tuple[str, ...] = ()
"""Those whose routes have a test of their own that another tenant gets the answer to what does not exist."""


class Guarded(NamedTuple):
    """A service that asks for keys, and keys of all kinds.

    Attributes:
        server: the service.
        keys: its keys.
        tokens: keys of the tenant "research" by their scope, and those that are not good.
        stranger: a key of another tenant.
        admin: one of another tenant, with the scope admin.
    """

    server: Server
    keys: KeyStore
    tokens: dict[str, str]
    stranger: str
    admin: str

    def ask(self, method: str, path: str, token: str, **options: Any) -> httpx.Response:
        return self.server.http.request(method, path, headers=bearer(token), **options)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with in_process(data_dir=tmp_path / "data", require_key=True, workers=2) as server:
        keys: KeyStore = server.app.state.service.keys
        tokens = {scope.value: keys.create(scope, "research", scope)[0] for scope in Scope}
        tokens["expired"] = keys.create("expired", "research", Scope.ADMIN, lifetime=1e-9)[0]
        tokens["revoked"], key = keys.create("revoked", "research", Scope.ADMIN)
        keys.revoke(key.id)
        stranger, admin = keys.create("s", "others", Scope.TRAIN)[0], keys.create("a", "others", Scope.ADMIN)[0]
        yield Guarded(server, keys, tokens, stranger, admin)


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: values.get(match[1], match[1]), path)


def name(item: Operation) -> str:
    return item.name


@pytest.mark.parametrize("item", OPERATIONS, ids=name)
def test_every_route_declares_the_scope_that_it_needs(item: Operation) -> None:
    assert item.declares == item.needs, "the type of the route's parameter `service` says it"


def test_every_operation_describes_its_key(guarded: Guarded) -> None:
    description = guarded.server.http.get("/openapi.json").json()
    (scheme,) = description["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for item in OPERATIONS:
        found = description["paths"].get(item.path, {}).get(item.method.lower())
        if found is not None:
            assert found.get("security", []) == ([] if item.needs is None else [{"key": [item.needs]}]), item.name


def test_the_documentation_tells_the_scope_of_each_request(guarded: Guarded) -> None:
    page = guarded.server.http.get("/docs").text
    blocks = [block.split("</h4>", 1) for block in page.split("<h4>")[1:]]
    told = {
        title[6:-7]: scope[1] for title, text in blocks if (scope := re.search(r" Scope: <code>(\w+)</code>", text))
    }
    described = guarded.server.http.get("/openapi.json").json()["paths"]
    expected = {item.name: item.needs for item in PROTECTED if item.path in described}
    assert told == expected


@pytest.mark.parametrize("item", PROTECTED, ids=name)
def test_no_route_lets_in_who_has_no_good_key(item: Operation, guarded: Guarded) -> None:
    path = filled(item.path, ABSENT)
    wrong = guarded.tokens["admin"][:-1] + ("A" if guarded.tokens["admin"][-1] != "A" else "B")
    bad = [
        *(bearer(token) for token in (NOBODY, wrong, guarded.tokens["expired"], guarded.tokens["revoked"], "", "x")),
        {},
        {"Authorization": f"Basic {guarded.tokens['admin']}"},
        {"Authorization": guarded.tokens["admin"]},
    ]
    for headers in bad:
        response = guarded.server.http.request(item.method, path, headers=headers)
        assert response.status_code == 401, (headers, response.text)
        assert response.headers["www-authenticate"].startswith('Bearer realm="asg"')
        assert not any(token[13:] in response.text for token in guarded.tokens.values())
        if not path.startswith("/v2"):
            problem(response, "unauthorized")


@pytest.mark.parametrize("item", PROTECTED, ids=name)
def test_a_scope_that_is_too_small_is_told_which_is_needed(item: Operation, guarded: Guarded) -> None:
    path, needs = filled(item.path, ABSENT), item.needs
    assert needs is not None
    for scope in Scope:
        response = guarded.ask(item.method, path, guarded.tokens[scope])
        if scope.includes(needs):
            assert response.status_code not in (401, 403), response.text
            continue
        assert response.status_code == 403
        assert f'scope="{needs}"' in response.headers["www-authenticate"]
        if not path.startswith("/v2"):
            assert f'this needs "{needs}"' in problem(response, "forbidden")["detail"]


@pytest.mark.parametrize("item", [item for item in OPERATIONS if item.needs is None], ids=name)
def test_what_is_for_anybody_needs_no_key(item: Operation, guarded: Guarded) -> None:
    for headers in ({}, bearer(NOBODY), bearer(guarded.tokens["run"])):
        assert guarded.server.http.request(item.method, item.path, headers=headers).status_code == 200


def resources(guarded: Guarded) -> dict[str, str]:
    """What the tenant "research" has, by the parameter of paths that names it."""
    train = guarded.tokens["train"]
    graphs = [
        guarded.ask("POST", "/v1/graphs", train, content=text).json()["digest"]
        for text in (REGRESSION, regression_gradient().to_json())
    ]
    body = {"graphs": {"predict": graphs[0], "train": graphs[1]}, "optimizer": {"kind": "sgd"}}
    session = guarded.ask("POST", "/v1/sessions", train, json=body).json()["id"]
    step = {"inputs": {"x": [[1, 2, 3]], "target": [[1]]}}
    assert guarded.ask("PUT", f"/v1/sessions/{session}/steps/1", train, json=step).status_code == 200
    path = f"/v1/sessions/{session}/checkpoints"
    assert guarded.ask("POST", path, train, json={"name": "best"}).status_code == 201
    body = write_safetensors(regression_data(), {"batch_size": "4"})
    headers = {**bearer(train), "Content-Type": MEDIA_TYPE}
    job = guarded.server.http.post(f"/v1/sessions/{session}/jobs", content=body, headers=headers).json()
    while guarded.ask("GET", f"/v1/jobs/{job['id']}?after=2&wait=10", train).json()["ended"] is None:
        pass
    dataset = job["settings"]["dataset"]
    names = {"number": "1", "name": "best", "part": "1", "version": "best"}
    return {
        **names,
        "session_id": session,
        "digest": graphs[0],
        "model_name": session,
        "dataset": dataset,
        "job_id": job["id"],
    }


@pytest.mark.parametrize("item", [item for item in PROTECTED if "{" in item.path], ids=name)
def test_every_kind_of_resource_is_known_here(item: Operation) -> None:
    assert item.path.startswith((*OWNED, *TESTED_ELSEWHERE)), (
        "say in OWNED what a tenant has, and make one in `resources`"
    )


@pytest.mark.parametrize("item", [item for item in PROTECTED if item.path.startswith(OWNED)], ids=name)
def test_what_is_another_tenants_is_as_what_does_not_exist(item: Operation, guarded: Guarded) -> None:
    owned = resources(guarded)
    theirs, absent = filled(item.path, owned), filled(item.path, {**owned, **ABSENT})
    answers = [guarded.ask(item.method, path, guarded.stranger) for path in (theirs, absent)]
    assert indifferent(answers[0]) == indifferent(answers[1])
    assert answers[0].status_code == 404
    # And there is something to be hidden: its owner does not get that answer.
    assert guarded.ask(item.method, theirs, guarded.tokens["train"]).status_code not in (401, 403, 404, 500)


def indifferent(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    """A response without what may differ: the ids in it, which are of one length."""
    text = response.text.replace(response.headers["x-request-id"], "REQUEST")
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{64}\b", "ID", text)
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
    return response.status_code, headers, text


def test_each_tenant_has_its_own_list(guarded: Guarded) -> None:
    owned = resources(guarded)

    def listed(token: str) -> list[str]:
        return [item["id"] for item in guarded.ask("GET", "/v1/sessions", token).json()["sessions"]]

    assert listed(guarded.tokens["run"]) == [owned["session_id"]]
    assert listed(guarded.stranger) == []
    assert listed(guarded.admin) == [owned["session_id"]], "an administrator sees all tenants' sessions"
    answer = guarded.ask("GET", f"/v1/sessions/{owned['session_id']}", guarded.admin)
    assert answer.json()["tenant"] == "research"
    assert guarded.ask("DELETE", f"/v1/sessions/{owned['session_id']}", guarded.admin).status_code == 204
    assert listed(guarded.tokens["run"]) == []


def test_the_same_graph_of_two_tenants_is_two(guarded: Guarded) -> None:
    """One document may not tell the other tenant that it is there, nor the names in it."""
    own = REGRESSION
    other = REGRESSION.replace('"xw"', '"secret"').replace('"regression"', '"secret plan"')
    first = guarded.ask("POST", "/v1/graphs", guarded.tokens["train"], content=other)
    assert first.status_code == 201
    digest = first.json()["digest"]
    absent = guarded.ask("GET", f"/v1/graphs/{digest}", guarded.stranger)
    problem(absent, "unknown_graph")
    second = guarded.ask("POST", "/v1/graphs", guarded.stranger, content=own)
    assert (second.status_code, second.json()["digest"]) == (201, digest)
    document = guarded.ask("GET", f"/v1/graphs/{digest}", guarded.stranger).text
    assert "secret" not in document
    run = {"inputs": {"x": [[1, 2, 3]]}, "parameters": {"weight": [[1], [1]], "bias": [0]}}
    assert "secret" not in guarded.ask("POST", f"/v1/graphs/{digest}/run", guarded.stranger, json=run).text
    assert guarded.ask("POST", "/v1/graphs", guarded.tokens["train"], content=own).status_code == 200


def test_a_session_is_made_of_the_tenants_own_graphs(guarded: Guarded) -> None:
    digest = resources(guarded)["digest"]
    refused = guarded.ask("POST", "/v1/sessions", guarded.stranger, json={"graphs": {"predict": digest}})
    absent = guarded.ask("POST", "/v1/sessions", guarded.stranger, json={"graphs": {"predict": "0" * 64}})
    assert problem(refused, "invalid_session")["detail"].replace(digest, "0" * 64) == absent.json()["detail"]


def test_a_graph_that_only_a_session_has_is_still_its_tenants(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, tenant_max_graphs=1, workers=1) as server:
        keys: KeyStore = server.app.state.service.keys
        train, other = keys.create("a", "research", Scope.TRAIN)[0], keys.create("b", "others", Scope.TRAIN)[0]
        digest = server.http.post("/v1/graphs", content=REGRESSION, headers=bearer(train)).json()["digest"]
        made = server.http.post("/v1/sessions", json={"graphs": {"predict": digest}}, headers=bearer(train))
        assert made.status_code == 201
        text = regression_gradient().to_json()
        assert server.http.post("/v1/graphs", content=text, headers=bearer(train)).status_code == 201
        assert server.app.state.service.graphs.of("research").get(digest) is None
        assert server.http.get(f"/v1/graphs/{digest}", headers=bearer(train)).status_code == 200
        problem(server.http.get(f"/v1/graphs/{digest}", headers=bearer(other)), "unknown_graph")


def test_idempotency_keys_are_a_tenants_own(guarded: Guarded) -> None:
    digests = {
        token: guarded.ask("POST", "/v1/graphs", token, content=REGRESSION).json()["digest"]
        for token in (guarded.tokens["train"], guarded.stranger)
    }
    made = [
        guarded.server.http.post(
            "/v1/sessions",
            json={"graphs": {"predict": digests[token]}},
            headers={**bearer(token), "Idempotency-Key": "experiment-7"},
        )
        for token in (guarded.tokens["train"], guarded.stranger, guarded.tokens["train"])
    ]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert "idempotent-replayed" not in made[1].headers
    assert made[0].json()["id"] == made[2].json()["id"] != made[1].json()["id"]


def test_tenants_are_the_same_after_a_restart(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data_dir": tmp_path, "require_key": True, "workers": 1}
    with in_process(**settings) as server:
        keys: KeyStore = server.app.state.service.keys
        train, other = keys.create("a", "research", Scope.TRAIN)[0], keys.create("b", "others", Scope.TRAIN)[0]
        posted = server.http.post("/v1/graphs", content=REGRESSION, headers=bearer(train)).json()["digest"]
        body = {"graphs": {"predict": posted}}
        session = server.http.post("/v1/sessions", json=body, headers=bearer(train)).headers["Location"]
    with in_process(**settings) as server:
        assert server.http.get(session, headers=bearer(train)).json()["tenant"] == "research"
        problem(server.http.get(session, headers=bearer(other)), "unknown_session")
        assert server.http.get(f"/v1/graphs/{posted}", headers=bearer(train)).status_code == 200
        problem(server.http.get(f"/v1/graphs/{posted}", headers=bearer(other)), "unknown_graph")


@pytest.mark.parametrize("damaged", ["session.json", "snapshots"])
def test_a_damaged_session_is_still_its_tenants(damaged: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data_dir": tmp_path, "require_key": True, "workers": 1}
    with in_process(**settings) as server:
        keys: KeyStore = server.app.state.service.keys
        train, other = keys.create("a", "research", Scope.TRAIN)[0], keys.create("b", "others", Scope.TRAIN)[0]
        digest = server.http.post("/v1/graphs", content=REGRESSION, headers=bearer(train)).json()["digest"]
        made = server.http.post("/v1/sessions", json={"graphs": {"predict": digest}}, headers=bearer(train))
        path = made.headers["Location"]
    folder = tmp_path / "sessions" / made.json()["id"]
    for file in (folder / damaged).rglob("*") if damaged == "snapshots" else [folder / damaged]:
        if file.is_file():
            file.write_bytes(b"x" + file.read_bytes()[1:])
    with in_process(**settings) as server:
        problem(server.http.get(path, headers=bearer(train)), "session_damaged")
        problem(server.http.get(path, headers=bearer(other)), "unknown_session")
        problem(server.http.delete(path, headers=bearer(other)), "unknown_session")
        assert server.http.delete(path, headers=bearer(train)).status_code == 204


def test_on_a_loopback_address_a_key_is_not_needed_but_counts(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=1) as server:
        assert server.http.get("/v1/access").json()["scopes"] == ["run", "train", "admin"]
        token, key = server.app.state.service.keys.create("laptop", "research", Scope.RUN)
        found = server.http.get("/v1/access", headers=bearer(token)).json()
        assert (found["key"], found["tenant"], found["scopes"]) == (key.id, "research", ["run"])
        problem(server.http.post("/v1/graphs", content=REGRESSION, headers=bearer(token)), "forbidden")
        problem(server.http.get("/v1/access", headers=bearer(NOBODY)), "unauthorized")
        # What a proxy asked for is not this service's business.
        assert server.http.get("/v1/access", headers={"Authorization": "Basic eDp5"}).status_code == 200
        session = server.create_session()
        problem(server.http.get(session, headers=bearer(token)), "unknown_session")


def test_a_service_that_keeps_nothing_knows_no_key() -> None:
    with in_process(workers=1) as server:
        assert (
            "knows no keys" in problem(server.http.get("/v1/access", headers=bearer(NOBODY)), "unauthorized")["detail"]
        )
    with in_process(workers=1, require_key=True) as server:
        problem(server.http.get("/v1/access"), "unauthorized")


def test_a_key_is_refused_from_its_revocation_on(guarded: Guarded) -> None:
    token, key = guarded.keys.create("short", "research", Scope.RUN)
    assert guarded.ask("GET", "/v1/access", token).status_code == 200
    guarded.keys.revoke(key.id)
    assert f"the key {key.id} was revoked" in problem(guarded.ask("GET", "/v1/access", token), "unauthorized")["detail"]


def test_a_changed_row_of_a_key_lets_nobody_in(guarded: Guarded) -> None:
    database = guarded.server.app.state.service.directory.database
    with database.transaction() as connection:
        connection.execute("UPDATE keys SET tenant = 'others' WHERE scope = 'run'")
    problem(guarded.ask("GET", "/v1/sessions", guarded.tokens["run"]), "damaged_file")
    assert guarded.ask("GET", "/v1/sessions", guarded.tokens["train"]).status_code == 200
