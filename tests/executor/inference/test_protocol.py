"""The Open Inference Protocol with plain HTTP: what is read, what is answered, and what is refused with which words."""

import gzip
import json
import zlib
from typing import Any

import numpy as np
import pytest

from executor_harness.in_process import Server, in_process
from executor_harness.inference import every_dtype, infer, mirror, model_of, read_answer, request_body
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION

GOOD: dict[str, Any] = {"name": "in.float32", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}


@pytest.fixture
def model(server: Server) -> str:
    return model_of(server.http, predict=mirror())


def post(server: Server, model: str, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.http.post(f"/v2/models/{model}/infer", content=content, headers=named)


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]], [1.0, 2, 3.0, 4, 5, 6]])
def test_json_is_flat_or_nested(server: Server, model: str, data: Any) -> None:
    answer = post(server, model, {"inputs": [{**GOOD, "shape": [2, 3], "data": data}]})
    assert answer.json()["outputs"] == [
        {"name": "out.float32", "datatype": "FP32", "shape": [2, 3], "data": [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]}
    ]
    assert answer.headers["content-type"] == "application/json"
    assert "id" not in answer.json()


@pytest.mark.parametrize(("dtype", "datatype"), every_dtype())
def test_json_of_every_datatype(server: Server, model: str, dtype: str, datatype: str) -> None:
    data = [True, False, True] if dtype == "bool" else [1, 2, 100]
    tensor = {"name": f"in.{dtype}", "shape": [1, 3], "datatype": datatype, "data": data}
    (output,) = post(server, model, {"inputs": [tensor]}).json()["outputs"]
    assert output == {"name": f"out.{dtype}", "datatype": datatype, "shape": [1, 3], "data": data[::-1]}


def test_bare_words_for_what_is_not_finite(server: Server, model: str) -> None:
    body = (
        '{"inputs": [{"name": "in.float32", "shape": [1, 3], "datatype": "FP32", "data": [NaN, Infinity, -Infinity]}]}'
    )
    assert '"data":[-Infinity,Infinity,NaN]' in post(server, model, body).text


def test_what_clients_of_kserve_and_mlserver_send_besides_is_without_effect(server: Server, model: str) -> None:
    body: dict[str, Any] = {
        "id": "5",
        "parameters": {"content_type": "np", "headers": {}},
        "inputs": [{**GOOD, "parameters": {"content_type": "np"}}],
        "outputs": [{"name": "out.float32", "parameters": {"content_type": "np"}}],
    }
    answer = post(server, model, body, content_type="application/json").json()
    assert (answer["id"], answer["outputs"][0]["data"]) == ("5", [3.0, 2.0, 1.0])


def test_each_output_is_answered_as_it_was_asked_for(server: Server, model: str) -> None:
    inputs = {"in.float32": np.ones((1, 3), np.float32), "in.int8": np.ones((1, 3), np.int8)}
    outputs = [{"name": "out.int8", "parameters": {"binary_data": False}}, {"name": "out.float32"}]
    answer = infer(server.http, model, inputs, outputs=outputs, parameters={"binary_data_output": True})
    header = json.loads(answer.content[: int(answer.headers["Inference-Header-Content-Length"])])
    assert [item["name"] for item in header["outputs"]] == ["out.int8", "out.float32"]
    assert header["outputs"][0]["data"] == [1, 1, 1]
    assert header["outputs"][1]["parameters"] == {"binary_data_size": 12}
    assert answer.headers["content-type"] == "application/octet-stream"
    assert read_answer(answer)["out.float32"].tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"datatype": "FP64"}, 'its datatype is "FP64"; FP32 is needed'),
        ({"datatype": "BYTES"}, "strings are no numbers"),
        ({"shape": [3]}, "its shape is [3]; [n, 3] is needed"),
        ({"shape": [1, 4], "data": [1, 2, 3, 4]}, "its shape is [1, 4]; [n, 3] is needed"),
        ({"shape": [2, 3]}, "its data has 3 elements; the shape [2, 3] has 6"),
        ({"shape": [2**62, 3]}, "its data has 3 elements"),
        ({"data": [[1, 2], [3]]}, "its data is neither flat nor nested as the shape [1, 3] is"),
        ({"data": [1, [2], 3]}, "the element a list is not a number"),
        ({"data": [1, True, 3]}, "the element true is not a number"),
        ({"data": [1, "2", 3]}, 'the element "2" is not a number'),
        ({"data": [1, 1e39, 3]}, "beyond the range of FP32"),
        ({"data": [1, 10**400, 3]}, "beyond the range of FP32"),
        ({"data": None}, "its data is null; a list, or binary_data_size, is needed"),
        ({"name": "in.flaot32"}, 'there is no input "in.flaot32"; did you mean "in.float32"?'),
        ({"parameters": {"binary_data_size": 12}, "data": None}, "0 bytes are left behind the JSON"),
        ({"parameters": {"binary_data_size": -1}}, "an integer of at least 0 is needed"),
    ],
)
def test_tensors_that_do_not_fit(server: Server, model: str, change: dict[str, Any], words: str) -> None:
    body = problem(post(server, model, {"inputs": [{**GOOD, **change}]}), "interface_mismatch")
    assert words in body["detail"]
    assert body["problems"][0]["pointer"] == "/inputs/0"


@pytest.mark.parametrize(
    ("dtype", "datatype", "data", "words"),
    [
        ("int8", "INT8", [1, 2, 128], "the element 128 is not an integer from -128 to 127"),
        ("int64", "INT64", [1, 2.0, 3], "the element 2.0 is not an integer"),
        ("uint32", "UINT32", [-1, 2, 3], "the element -1 is not an integer from 0"),
        ("bool", "BOOL", [1, 0, 1], "the element 1 is not true or false"),
    ],
)
def test_elements_are_not_converted(
    server: Server, model: str, dtype: str, datatype: str, data: list[Any], words: str
) -> None:
    tensor = {"name": f"in.{dtype}", "shape": [1, 3], "datatype": datatype, "data": data}
    assert words in problem(post(server, model, {"inputs": [tensor]}), "interface_mismatch")["detail"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"inputs": [GOOD, GOOD]}, "invalid_request", 'input "in.float32" stands there twice'),
        ({"inputs": [GOOD], "ouputs": []}, "invalid_request", "ouputs"),
        ({"inputs": [{**GOOD, "shape": [-1, 3]}]}, "invalid_request", "/inputs/0/shape/0"),
        ({"inputs": [{**GOOD, "shape": [True, 3]}]}, "invalid_request", "/inputs/0/shape/0"),
        ({"inputs": [GOOD], "id": 7}, "invalid_request", "/id"),
        ({"outputs": []}, "invalid_request", "inputs"),
        ([], "invalid_request", ""),
        ({"inputs": [GOOD], "parameters": {"timeout": -1}}, "invalid_request", "the timeout is -1"),
        ({"inputs": [GOOD], "parameters": {"timeout": "soon"}}, "invalid_request", 'the timeout is "soon"'),
        ({"inputs": [GOOD], "parameters": {"sequence_id": 3}}, "invalid_request", "there are no sequences"),
        ({"inputs": [GOOD], "parameters": {"priority": 1}}, "invalid_request", "no priorities"),
        ({"inputs": [GOOD], "parameters": {"binary_data_output": 1}}, "invalid_request", "true or false is needed"),
        ({"inputs": []}, "interface_mismatch", "is missing"),
        ({"inputs": [GOOD], "outputs": [{"name": "out.int8"}]}, "interface_mismatch", 'input "in.int8" is missing'),
        ({"inputs": [GOOD], "outputs": [{"name": "nothing"}]}, "interface_mismatch", 'there is no output "nothing"'),
    ],
)
def test_requests_that_are_not_sound(server: Server, model: str, body: Any, code: str, words: str) -> None:
    assert words in problem(post(server, model, body), code)["detail"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"inputs": [], "inputs": []}', 'the key "inputs" stands twice'),
        (b'{"inputs": [{"name": "x", "shape": [' + b"9" * 5000 + b"]}]}", "digits"),
    ],
)
def test_bodies_that_cannot_be_read(server: Server, model: str, content: bytes, words: str) -> None:
    assert words in problem(post(server, model, content), "invalid_body")["detail"]


def test_json_is_nested_no_deeper_than_it_may(server: Server, model: str) -> None:
    deep = b"[" * 100_000
    for headers in ({}, {"Inference-Header-Content-Length": str(len(deep))}):
        answer = server.http.post(f"/v2/models/{model}/infer", content=deep, headers=headers)
        assert problem(answer, "limit_exceeded")["limit"] == "max_json_depth"


def test_what_follows_the_json_must_be_what_it_says(server: Server, model: str) -> None:
    inputs = {"in.float32": np.ones((1, 3), np.float32)}
    content, headers = request_body(inputs)
    url = f"/v2/models/{model}/infer"
    more = problem(server.http.post(url, content=content + b"\0", headers=headers), "invalid_body")
    assert "13 bytes follow the JSON; the inputs' binary_data_size are 12 together" in more["detail"]
    less = problem(server.http.post(url, content=content[:-1], headers=headers), "interface_mismatch")
    assert "binary_data_size is 12; 11 bytes are left behind the JSON" in less["detail"]
    for length in ("-1", "x", "1e3", str(len(content) + 1), "9" * 30):
        headers = {"Inference-Header-Content-Length": length}
        answer = problem(server.http.post(url, content=content, headers=headers), "invalid_body")
        assert "the length of the JSON" in answer["detail"]
    bools, headers = request_body({"in.bool": np.array([[0, 1, 2]], np.uint8).view(np.bool_)})
    assert (
        "neither 0 nor 1"
        in problem(server.http.post(url, content=bools, headers=headers), "interface_mismatch")["detail"]
    )


def test_inputs_whose_shapes_contradict_each_other(server: Server) -> None:
    model = model_of(server.http, predict=REGRESSION)
    inputs = {"x": np.ones((2, 3), np.float32), "target": np.ones((3, 1), np.float32)}
    assert "batch" in problem(infer(server.http, model, inputs), "unbound_symbol")["detail"]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_bodies(server: Server, model: str, coding: str) -> None:
    compress = gzip.compress if coding == "gzip" else zlib.compress
    content, headers = request_body({"in.float32": np.ones((1, 3), np.float32)})
    url, encoded = f"/v2/models/{model}/infer", {**headers, "Content-Encoding": coding}
    answer = server.http.post(url, content=compress(content), headers=encoded)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers  # a list of codings, as the client sends by itself, is no wish
    answer = server.http.post(url, content=compress(content), headers={**encoded, "Accept-Encoding": coding})
    assert answer.headers["content-encoding"] == coding
    assert answer.json()["outputs"][0]["data"] == [1, 1, 1]
    for broken in (content, compress(content)[:-1], compress(content) + b"\0"):
        refused = problem(server.http.post(url, content=broken, headers=encoded), "invalid_body")
        assert f"not valid {coding}" in refused["detail"]
    unknown = server.http.post(url, content=content, headers={**headers, "Content-Encoding": "br"})
    assert problem(unknown, "unsupported_media_type")
    error = server.http.post(url, content=b"", headers={"Accept-Encoding": coding})
    assert "content-encoding" not in error.headers


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_grows_without_measure_is_cut_off(coding: str) -> None:
    bomb = b" " * 10_000_000
    packed = gzip.compress(bomb) if coding == "gzip" else zlib.compress(bomb)
    with in_process(workers=1, max_body_bytes=200_000, max_json_bytes=100_000) as server:
        model = model_of(server.http, predict=mirror(["float32"]))
        url, headers = f"/v2/models/{model}/infer", {"Content-Encoding": coding}
        assert (
            "100000 bytes"
            in problem(server.http.post(url, content=packed, headers=headers), "body_too_large")["detail"]
        )
        headers["Inference-Header-Content-Length"] = "10"
        assert (
            "200000 bytes"
            in problem(server.http.post(url, content=packed, headers=headers), "body_too_large")["detail"]
        )
        del headers["Content-Encoding"]
        headers["Inference-Header-Content-Length"] = "150000"
        answer = problem(server.http.post(url, content=b" " * 150_000, headers=headers), "body_too_large")
        assert "send tensors as binary data behind it" in answer["detail"]


def test_a_timeout_that_is_over_before_the_computation_begins(server: Server, model: str) -> None:
    answer = post(server, model, {"inputs": [GOOD], "parameters": {"timeout": 1}})
    assert "had not begun" in problem(answer, "inference_timeout")["detail"]
    for none in (0, None):
        assert post(server, model, {"inputs": [GOOD], "parameters": {"timeout": none}}).status_code == 200


def test_unknown_versions_leave_no_trace(server: Server, model: str) -> None:
    for version in range(20):
        url = f"/v2/models/{model}/versions/{version}"
        problem(server.http.post(f"{url}/infer", json={"inputs": [GOOD]}), "unknown_model")
        problem(server.http.get(f"{url}/stats"), "unknown_model")
    assert server.http.get("/v2/models/stats").json() == {"model_stats": []}


def test_the_phases_are_told(server: Server, model: str) -> None:
    answer = post(server, model, {"inputs": [GOOD]})
    phases = [part.partition(";")[0] for part in answer.headers["Server-Timing"].split(", ")]
    assert phases == ["queue", "input", "infer", "output"]
    text = server.http.get("/metrics").text
    assert 'asg_inference_duration_seconds_count{phase="infer"} 1.0' in text


def test_large_tensors_in_json_are_answered(server: Server, model: str) -> None:
    rows = 3000
    answer = post(server, model, {"inputs": [{**GOOD, "shape": [rows, 3], "data": [0.5] * (3 * rows)}]})
    assert read_answer(answer)["out.float32"].shape == (rows, 3)
