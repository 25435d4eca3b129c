"""Triton's client for Python, unchanged, against a real server: synchronous, with `async_infer`, and with asyncio."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from executor_harness.inference import every_dtype, mirror, model_of
from executor_harness.regression import REGRESSION
from executor_harness.server_process import Process, serving

# The library has no types.
triton: Any = import_module("tritonclient.http")
triton_aio: Any = import_module("tritonclient.http.aio")
InferenceServerException: Any = import_module("tritonclient.utils").InferenceServerException

Array = npt.NDArray[Any]
Client = Any


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with serving() as process:
        yield process


@pytest.fixture
def client(process: Process) -> Iterator[Client]:
    with triton.InferenceServerClient(process.url.removeprefix("http://"), concurrency=4) as client:
        yield client


@pytest.fixture(scope="module")
def http(process: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process.url) as http:
        yield http


@pytest.fixture(scope="module")
def regression_model(http: httpx.Client) -> str:
    return model_of(http, predict=REGRESSION)


@pytest.fixture(scope="module")
def mirror_model(http: httpx.Client) -> str:
    return model_of(http, predict=mirror())


def sample(dtype: str) -> Array:
    values = np.array([[0, 1, 2], [3, 4, 100]])
    if dtype == "bool":
        return values % 2 == 1
    array = values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    return array / 8 if "float" in dtype else array


def given(name: str, array: Array, datatype: str, *, binary: bool = True) -> Any:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def test_health_and_metadata(client: Client, regression_model: str) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(regression_model)
    assert client.is_model_ready(regression_model, "latest")
    assert not client.is_model_ready(regression_model, "nine")
    assert not client.is_model_ready("nobody")
    server = client.get_server_metadata()
    assert server["name"] == "asg"
    assert "binary_tensor_data" in server["extensions"]
    metadata = client.get_model_metadata(regression_model)
    assert metadata["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": [-1, 3]}
    assert [item["name"] for item in metadata["outputs"]] == ["prediction", "loss"]
    config = client.get_model_config(regression_model)
    assert config["max_batch_size"] == 0
    assert config["input"][0] == {"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 3], "optional": False}
    assert config["input"][1]["optional"]


def test_the_repository(client: Client, regression_model: str) -> None:
    listed = client.get_model_repository_index()
    assert {"name": regression_model, "version": "latest", "state": "READY", "reason": ""} in listed
    assert {"name": f"{regression_model}.predict", "version": "latest", "state": "READY", "reason": ""} in listed
    client.load_model(regression_model)
    with pytest.raises(InferenceServerException, match="has no config to load"):
        client.load_model(regression_model, config="{}")
    with pytest.raises(InferenceServerException, match="as long as that is"):
        client.unload_model(regression_model)
    with pytest.raises(InferenceServerException, match="there is no model"):
        client.load_model("nobody")


@pytest.mark.parametrize("binary_output", [True, False])
@pytest.mark.parametrize(
    ("dtype", "datatype", "binary_input"),
    # The client sends BF16 in binary alone.
    [(*pair, binary) for pair in every_dtype() for binary in (True, False) if binary or pair[1] != "BF16"],
)
def test_every_datatype(
    client: Client, mirror_model: str, dtype: str, datatype: str, binary_input: bool, binary_output: bool
) -> None:
    array = sample(dtype)
    outputs = [triton.InferRequestedOutput(f"out.{dtype}", binary_data=binary_output)]
    result = client.infer(mirror_model, [given(f"in.{dtype}", array, datatype, binary=binary_input)], outputs=outputs)
    found = result.as_numpy(f"out.{dtype}")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array[:, ::-1])
    assert result.get_output(f"out.{dtype}")["datatype"] == datatype


def test_binary_and_json_side_by_side(client: Client, mirror_model: str) -> None:
    one, two = sample("float32"), sample("int64")
    inputs = [
        given("in.int64", two, "INT64", binary=False),
        given("in.float32", one, "FP32"),
        given("in.int8", two.astype("int8"), "INT8"),
    ]
    outputs = [
        triton.InferRequestedOutput("out.int8", binary_data=True),
        triton.InferRequestedOutput("out.int64", binary_data=False),
        triton.InferRequestedOutput("out.float32", binary_data=True),
    ]
    result = client.infer(mirror_model, inputs, outputs=outputs, request_id="seven")
    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("seven", mirror_model, "latest")
    assert [item["name"] for item in answer["outputs"]] == ["out.int8", "out.int64", "out.float32"]
    np.testing.assert_array_equal(result.as_numpy("out.int64"), two[:, ::-1])
    np.testing.assert_array_equal(result.as_numpy("out.float32"), one[:, ::-1])


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(client: Client, mirror_model: str, rows: int) -> None:
    array = sample("float64")[:rows]
    found = client.infer(mirror_model, [given("in.float64", array, "FP64")]).as_numpy("out.float64")
    np.testing.assert_array_equal(found, array[:, ::-1])


def test_numbers_that_are_not_finite(client: Client, mirror_model: str) -> None:
    array = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    for binary in (True, False):
        outputs = [triton.InferRequestedOutput("out.float32", binary_data=binary)]
        result = client.infer(mirror_model, [given("in.float32", array, "FP32", binary=binary)], outputs=outputs)
        np.testing.assert_array_equal(result.as_numpy("out.float32"), array[:, ::-1])


@pytest.mark.parametrize("answered", [None, "gzip", "deflate"])
@pytest.mark.parametrize("sent", [None, "gzip", "deflate"])
def test_compression(client: Client, mirror_model: str, sent: str | None, answered: str | None) -> None:
    array = np.arange(3000, dtype=np.float32).reshape(-1, 3)
    for binary in (True, False):
        result = client.infer(
            mirror_model,
            [given("in.float32", array, "FP32", binary=binary)],
            outputs=[triton.InferRequestedOutput("out.float32", binary_data=binary)],
            request_compression_algorithm=sent,
            response_compression_algorithm=answered,
        )
        np.testing.assert_array_equal(result.as_numpy("out.float32"), array[:, ::-1])


def test_errors_are_the_servers_words(client: Client, mirror_model: str) -> None:
    array = sample("float32")
    tensor = given("in.float32", array, "FP32")
    with pytest.raises(InferenceServerException, match="there is no output") as raised:
        client.infer(mirror_model, [tensor], outputs=[triton.InferRequestedOutput("out.flaot32")])
    assert raised.value.status() == "422"
    with pytest.raises(InferenceServerException, match=r'"in.float32" float32\[n, 3\]: its shape is \[6\]'):
        client.infer(mirror_model, [given("in.float32", array.reshape(6), "FP32")])
    with pytest.raises(InferenceServerException, match='datatype is "FP64"; FP32 is needed'):
        client.infer(mirror_model, [given("in.float32", array.astype("float64"), "FP64")])
    with pytest.raises(InferenceServerException, match="strings are no numbers"):
        client.infer(mirror_model, [given("in.float32", np.array([[b"1", b"2", b"3"]], np.object_), "BYTES")])
    with pytest.raises(InferenceServerException, match="class labels are not computed here"):
        client.infer(mirror_model, [tensor], outputs=[triton.InferRequestedOutput("out.float32", class_count=2)])
    with pytest.raises(InferenceServerException, match="there are no sequences"):
        client.infer(mirror_model, [tensor], sequence_id=3, sequence_start=True)
    with pytest.raises(InferenceServerException, match="requests have no priorities"):
        client.infer(mirror_model, [tensor], priority=2)
    shared = triton.InferInput("in.float32", [2, 3], "FP32")
    shared.set_shared_memory("region", 24)
    with pytest.raises(InferenceServerException, match="shared memory is not used here"):
        client.infer(mirror_model, [shared])
    with pytest.raises(InferenceServerException, match="there is no resource at this path"):
        client.get_system_shared_memory_status()
    with pytest.raises(InferenceServerException, match="there is no model") as raised:
        client.infer("nobody", [tensor])
    assert raised.value.status() == "404"
    result = client.infer(mirror_model, [tensor], timeout=60_000_000)
    np.testing.assert_array_equal(result.as_numpy("out.float32"), array[:, ::-1])


def test_requests_at_the_same_time(client: Client, mirror_model: str) -> None:
    arrays = [np.full((index + 1, 3), index, np.int32) for index in range(8)]
    pending = [client.async_infer(mirror_model, [given("in.int32", array, "INT32")]) for array in arrays]
    for array, request in zip(arrays, pending, strict=True):
        np.testing.assert_array_equal(request.get_result(timeout=60).as_numpy("out.int32"), array)


def test_statistics(client: Client, http: httpx.Client) -> None:
    model = model_of(http, predict=mirror(["float32"]))
    for _ in range(3):
        client.infer(model, [given("in.float32", sample("float32"), "FP32")])
    with pytest.raises(InferenceServerException):
        client.infer(model, [given("in.float32", sample("float32").reshape(6), "FP32")])
    for name, version in ((model, ""), (f"{model}.predict", "latest")):
        (statistics,) = client.get_inference_statistics(name, version)["model_stats"]
        assert (statistics["name"], statistics["version"]) == (name, "latest")
        assert (statistics["inference_count"], statistics["execution_count"]) == (6, 3)
        counted = statistics["inference_stats"]
        assert (counted["success"]["count"], counted["fail"]["count"]) == (3, 1)
        phases = [counted[name]["ns"] for name in ("queue", "compute_input", "compute_infer", "compute_output")]
        assert all(nanoseconds > 0 for nanoseconds in phases)
        assert sum(phases) == pytest.approx(counted["success"]["ns"], rel=1e-3)
        assert [(item["batch_size"], item["compute_infer"]["count"]) for item in statistics["batch_stats"]] == [(2, 3)]
    everything = client.get_inference_statistics()["model_stats"]
    assert f"{model}.predict" in {item["name"] for item in everything}


def test_asyncio(process: Process, mirror_model: str) -> None:
    async def ask() -> None:
        async with triton_aio.InferenceServerClient(process.url.removeprefix("http://")) as client:
            assert await client.is_server_live()
            assert await client.is_model_ready(mirror_model)
            assert (await client.get_model_metadata(mirror_model))["platform"] == "asg"
            arrays = [np.full((index + 1, 3), index, np.float16) for index in range(6)]
            codings = [None, "gzip", "deflate"] * 2
            results = await asyncio.gather(
                *(
                    client.infer(
                        mirror_model,
                        [given("in.float16", array, "FP16")],
                        request_compression_algorithm=coding,
                        response_compression_algorithm=coding,
                    )
                    for array, coding in zip(arrays, codings, strict=True)
                )
            )
            for array, result in zip(arrays, results, strict=True):
                np.testing.assert_array_equal(result.as_numpy("out.float16"), array)
            with pytest.raises(InferenceServerException, match="there is no model"):
                await client.infer("nobody", [given("in.float16", arrays[0], "FP16")])
            with pytest.raises(InferenceServerException, match="there is no version"):
                await client.infer(mirror_model, [given("in.float16", arrays[0], "FP16")], model_version="old")

    asyncio.run(ask())
