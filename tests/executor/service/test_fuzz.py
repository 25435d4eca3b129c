"""Whatever JSON or bytes come, the answer is a foreseen one: never a 500, and the session is unharmed."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor_harness.in_process import Server
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION

Strategy = st.SearchStrategy[Any]
FIELDS = ["inputs", "outputs", "parameters", "graph", "graphs", "optimizer", "seed", "engine", "kind", "betas"]
VALUES = ["x", "target", "loss", "predict", "train", "sgd", "adam", "dtype", "shape", "data", "float32", "inf", "nan"]
WORDS = st.sampled_from([*FIELDS, *VALUES, "", "é"])
NUMBERS: Strategy = st.one_of(
    st.integers(-5, 5), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
LEAVES: Strategy = st.one_of(st.none(), NUMBERS, WORDS)


def nested(inner: Strategy) -> Strategy:
    return st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4))


JSON_VALUES: Strategy = st.recursive(LEAVES, nested, max_leaves=12)
LONG_FORMS: Strategy = st.fixed_dictionaries(
    {"dtype": WORDS, "shape": st.lists(st.integers(-1, 3), max_size=3), "data": JSON_VALUES}
)
TENSORS: Strategy = st.one_of(JSON_VALUES, st.just([[1, 2, 3]]), LONG_FORMS)
INPUTS: Strategy = st.one_of(JSON_VALUES, st.fixed_dictionaries({"x": TENSORS, "target": TENSORS}))
FURTHER: dict[str, Strategy] = {
    "graph": st.sampled_from(["predict", "train", "x"]),
    "outputs": JSON_VALUES,
    "parameters": JSON_VALUES,
}
BODIES: Strategy = st.one_of(JSON_VALUES, st.fixed_dictionaries({"inputs": INPUTS}, optional=FURTHER))
FORESEEN = {200, 201, 400, 409, 422}
FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_foreseen(server: Server, method: str, path: str, body: Any, media_type: str) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = server.http.request(method, path, content=content, headers={"Content-Type": media_type})
    assert response.status_code in FORESEEN, (path, body, response.text)
    if response.status_code >= 400:
        problem(response, response.json()["code"])
    return response.status_code


@FUZZ
@given(BODIES)
def test_any_json(server: Server, body: Any) -> None:
    session = server.create_session()
    state, media_type = server.digest(session), "application/json"
    digest = server.add_graph(REGRESSION)
    for method, path in (
        ("POST", "/v1/graphs"),
        ("POST", f"/v1/graphs/{digest}/run"),
        ("POST", "/v1/sessions"),
        ("POST", f"{session}/run"),
    ):
        assert_foreseen(server, method, path, body, media_type)
    assert server.digest(session) == state
    for method, path in (("PUT", f"{session}/parameters"), ("PUT", f"{session}/steps/1")):
        status = assert_foreseen(server, method, path, body, media_type)
        assert (status == 200) or server.digest(session) == state
        state = server.digest(session)
    server.http.delete(session)


@FUZZ
@given(st.binary(max_size=80), st.sampled_from(["application/json", "application/vnd.safetensors"]))
def test_any_bytes(server: Server, body: bytes, media_type: str) -> None:
    session = server.create_session()
    state = server.digest(session)
    for method, path in (("PUT", f"{session}/steps/1"), ("PUT", f"{session}/parameters"), ("POST", "/v1/sessions")):
        assert assert_foreseen(server, method, path, body, media_type) >= 400
    assert server.digest(session) == state
    server.http.delete(session)
