"""Parameters that are declared in 16 bits, in mixed precision: kept in float32, shown as they are declared."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import Session
from asg_executor.plan.arrays import numpy_dtype
from asg_executor.safetensors_bytes import MEDIA_TYPE, read_safetensors
from asg_executor.sessions.session_settings import SessionSettings
from asg_schema.document import Document
from asg_schema.dtype import DType
from executor_harness.in_process import in_process
from executor_harness.inference import infer
from executor_harness.jobs import add_dataset, start_job, wait

DTYPES = ["float16", "bfloat16"]
SGD = {"kind": "sgd", "learning_rate": 1.0}
X = np.array([[2.0**-12, 0.0]])  # a step of 2⁻¹² from 1, which neither dtype holds


def document(dtype: str) -> Document:
    """The loss is the sum of x · w + bias: the gradient by w is the sum of the rows of x. `bias` is float32."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": dtype, "shape": ["n", 2]}],
            "parameters": [
                {"id": "w", "dtype": dtype, "shape": [2, 1], "init": {"kind": "ones"}},
                {"id": "bias", "dtype": "float32", "shape": [], "init": {"kind": "zeros"}},
                {"id": "seen", "dtype": dtype, "shape": [], "trainable": False},
            ],
            "nodes": [
                {"id": "y", "op": "matmul", "inputs": ["x", "w"]},
                {"id": "w.float16", "op": "sum", "inputs": ["y"]},  # a name that would be next
                {"id": "total", "op": "astype", "inputs": ["w.float16"], "dtype": "float32"},
                {"id": "loss", "op": "add", "inputs": ["total", "bias"]},
                {"id": "one", "op": "full", "dtype": dtype, "shape": [], "value": 1},
                {"id": "next", "op": "add", "inputs": ["seen", "one"]},
            ],
            "outputs": [
                {"name": "y", "value": "y"},
                {"name": "loss", "value": "loss"},
                {"name": "weight", "value": "w"},
                {"name": "next", "value": "next", "role": {"kind": "state_update", "of": "seen"}},
            ],
        }
    )


def session(dtype: str, optimizer: Any = SGD, precision: Any = "mixed", **settings: Any) -> Session:
    forward = document(dtype)
    return Session({"train": grad(forward), "predict": forward}, optimizer, precision=precision, **settings)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_small_steps_add_up(dtype: str, engine: str) -> None:
    mixed, stored = session(dtype, engine=engine), session(dtype, precision="as_written", engine=engine)
    for _ in range(64):
        for item in (mixed, stored):
            item.step({"x": X})
    np.testing.assert_array_equal(mixed.state()["value:w"], np.array([[1 - 2.0**-6], [1]], np.float32))
    np.testing.assert_array_equal(stored.parameters()["w"], [[1], [1]], "each step is lost by rounding")
    for name in ("w", "seen", "bias"):
        assert mixed.parameters()[name].dtype == numpy_dtype(DType(document(dtype).types[name].dtype))
    assert float(mixed.parameters()["w"][0, 0]) == 1 - 2.0**-6
    assert float(mixed.parameters()["seen"]) == 64


@pytest.mark.parametrize("dtype", DTYPES)
def test_graphs_see_the_rounded_weights(dtype: str) -> None:
    mixed = session(dtype)
    results = mixed.step({"x": X}, ["weight", "grad.w", "next", "y"])
    declared = numpy_dtype(DType(dtype))
    assert {name: array.dtype for name, array in results.items()} == dict.fromkeys(results, declared)
    np.testing.assert_array_equal(results["grad.w"].astype(np.float64), X.T)
    assert list(mixed.step({"x": X})) == ["y", "loss", "weight"], "the default is that of the document as it is"
    run = mixed.run("predict", {"x": [[1, 0]]}, ["weight", "y"])
    master = mixed.state()["value:w"]
    assert float(master[0, 0]) == 1 - 2.0**-11
    np.testing.assert_array_equal(run["weight"], master.astype(declared))
    assert run["y"] == master.astype(declared)[0]
    assert mixed.run("train", {"x": X}, ["grad.w"])["grad.w"].dtype == declared


def test_slots_and_averages_are_those_of_float32_weights() -> None:
    adam = {"kind": "adam", "learning_rate": 2.0**-12, "average_decay": 0.5}
    mixed = session("bfloat16", adam)
    for _ in range(3):
        mixed.step({"x": X + 1})
    assert {array.dtype for name, array in mixed.state().items() if not name.startswith("value:seen")} == {
        np.dtype(np.float32)
    }
    average, value = mixed.state()["average:w"], mixed.state()["value:w"].ravel()
    assert (average > value).all()
    shown = mixed.averaged_parameters()["w"]
    assert shown.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(shown.ravel(), average.astype(ml_dtypes.bfloat16))
    run = mixed.run("predict", {"x": [[1, 0]]}, ["weight"], "average")["weight"]
    np.testing.assert_array_equal(run, shown)


def test_values_are_taken_in_either_width() -> None:
    mixed = session("bfloat16", parameters={"w": np.array([[0.5], [0.25]], ml_dtypes.bfloat16)})
    np.testing.assert_array_equal(mixed.state()["value:w"], [[0.5], [0.25]])
    exact = np.array([[1 + 2.0**-20], [3]], np.float32)
    mixed.set_parameters({"w": exact})
    np.testing.assert_array_equal(mixed.state()["value:w"], exact)
    other = session("bfloat16")
    other.restore_parameters(0, mixed.state())
    assert other.digest() == mixed.digest()


def test_first_weights_are_those_of_the_declared_dtype() -> None:
    source = document("float16").to_dict()
    source["parameters"][0]["init"] = {"kind": "xavier_uniform"}
    graph = {"predict": Document.from_dict(source)}
    plain, mixed = Session(graph, seed=4), Session(graph, seed=4, precision="mixed")
    np.testing.assert_array_equal(plain.parameters()["w"], mixed.parameters()["w"])


def test_memory_is_counted_for_float32() -> None:
    def settings(precision: Any) -> SessionSettings:
        graphs = {"train": grad(document("float16"))}
        digests = {name: item.digest for name, item in graphs.items()}
        return SessionSettings(graphs, digests, SGD, 0, "numpy", "every_step", "apply", precision=precision)

    mixed, plain = (
        settings(item.precision) for item in (session("float16"), session("float16", precision="as_written"))
    )
    assert mixed.required_bytes() == mixed.session({}, None).required_bytes
    assert plain.required_bytes() < mixed.required_bytes()


@pytest.mark.parametrize("scale", [None, 64.0])
def test_gradients_in_16_bits_are_unscaled_in_float32(scale: float | None) -> None:
    scaling = {} if scale is None else {"loss_scaling": {"init_scale": scale}}
    graph = grad(document("float16"), loss_scale=scale is not None)
    mixed = Session({"train": graph}, SGD, precision={"kind": "mixed", "dtype": "float16", **scaling})
    mixed.step({"x": [[2.0**-24, 1.5 * 2.0**-24]]})  # the second is between two numbers of float16
    moved = 1 - mixed.state()["value:w"].ravel().astype(np.float64)
    np.testing.assert_array_equal(moved, [2.0**-24, 2.0**-23])


def test_a_service_shows_the_declared_dtype_and_keeps_the_masters(tmp_path: Path) -> None:
    forward = document("bfloat16")
    step = {"inputs": {"x": X.tolist()}}
    with in_process(data_dir=tmp_path, workers=2) as server:
        graphs = {"train": server.add_graph(grad(forward).to_json()), "predict": server.add_graph(forward.to_json())}
        body = {"graphs": graphs, "optimizer": SGD, "precision": "mixed", "parameters": {"w": [[1], [2]]}}
        response = server.http.post("/v1/sessions", json=body)
        assert response.status_code == 201, response.text
        path = response.headers["Location"]
        assert [item["dtype"] for item in response.json()["parameters"]] == ["bfloat16", "float32", "bfloat16"]
        for number in (1, 2, 3):
            assert server.http.put(f"{path}/steps/{number}", json=step).status_code == 200
        assert server.http.post(f"{path}/checkpoints", json={"name": "best"}).status_code == 201
        digest = server.digest(path)
    with in_process(data_dir=tmp_path, workers=2) as server:
        assert server.digest(path) == digest
        masters, _ = read_safetensors(
            server.http.get(f"{path}/checkpoints/best", headers={"Accept": MEDIA_TYPE}).content
        )
        np.testing.assert_array_equal(masters["w"], np.array([[1 - 3 * 2.0**-12], [2]], np.float32))
        shown, _ = read_safetensors(server.http.get(f"{path}/parameters", headers={"Accept": MEDIA_TYPE}).content)
        np.testing.assert_array_equal(shown["w"], masters["w"].astype(ml_dtypes.bfloat16))
        assert shown["w"].dtype == ml_dtypes.bfloat16
        model = path.rpartition("/")[2]
        for version in ("", "/versions/best"):
            answer = infer(server.http, f"{model}{version}", {"x": np.array([[1, 1]], ml_dtypes.bfloat16)})
            assert answer.status_code == 200, answer.text
        data = {"x": np.tile(X, (4, 1)).astype(ml_dtypes.bfloat16)}
        job = start_job(server.http, path, dataset=add_dataset(server.http, data), batch_size=2, epochs=1)
        assert wait(server.http, job)["step"] == 2
        put = {"parameters": {"w": [[1], [0.5]]}}
        assert server.http.put(f"{path}/parameters", json=put).status_code == 200
        values = server.http.get(f"{path}/parameters", headers={"Accept": "application/json"}).json()["parameters"]
        assert values["w"] == {"dtype": "bfloat16", "shape": [2, 1], "data": [1.0, 0.5]}
