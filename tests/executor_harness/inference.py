"""Models to be asked over the Open Inference Protocol."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from asg_schema.dtype import DType

__all__ = ["every_dtype", "infer", "mirror", "model_of", "read_answer", "request_body"]

DATATYPES = {
    DType.BOOL: "BOOL",
    DType.INT8: "INT8",
    DType.INT32: "INT32",
    DType.INT64: "INT64",
    DType.UINT8: "UINT8",
    DType.UINT32: "UINT32",
    DType.FLOAT16: "FP16",
    DType.FLOAT32: "FP32",
    DType.FLOAT64: "FP64",
    DType.BFLOAT16: "BF16",
}


def every_dtype() -> list[tuple[str, str]]:
    """Every dtype of the format with the protocol's name of it."""
    return [(dtype.value, name) for dtype, name in DATATYPES.items()]


def mirror(dtypes: Sequence[str] = tuple(dtype.value for dtype in DType)) -> str:
    """A document that turns each row of its inputs round: `in.<dtype>` becomes `out.<dtype>`."""
    document = {
        "asg": 1,
        "inputs": [{"id": f"in.{dtype}", "dtype": dtype, "shape": ["n", 3]} for dtype in dtypes],
        "nodes": [{"id": f"f.{dtype}", "op": "flip", "inputs": [f"in.{dtype}"], "axis": [1]} for dtype in dtypes],
        "outputs": [{"name": f"out.{dtype}", "value": f"f.{dtype}"} for dtype in dtypes],
    }
    return json.dumps(document)


def model_of(http: httpx.Client, **graphs: str) -> str:
    """The name of the model `predict` among these documents, in a session of their own."""
    digests = {name: http.post("/v1/graphs", content=text).json()["digest"] for name, text in graphs.items()}
    response = http.post("/v1/sessions", json={"graphs": digests})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def request_body(
    inputs: Mapping[str, npt.NDArray[Any]], *, binary: bool = True, **fields: Any
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request."""
    tensors: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    for name, array in inputs.items():
        tensor: dict[str, Any] = {
            "name": name,
            "shape": list(array.shape),
            "datatype": DATATYPES[DType(array.dtype.name)],
        }
        if binary:
            buffers.append(array.tobytes())
            tensor["parameters"] = {"binary_data_size": len(buffers[-1])}
        else:
            tensor["data"] = array.reshape(-1).tolist()
        tensors.append(tensor)
    content = json.dumps({"inputs": tensors, **fields}).encode()
    headers = {"Inference-Header-Content-Length": str(len(content))} if binary else {}
    return b"".join([content, *buffers]), headers


def infer(http: httpx.Client, model: str, inputs: Mapping[str, npt.NDArray[Any]], **fields: Any) -> httpx.Response:
    """Ask a model, the tensors in binary."""
    content, headers = request_body(inputs, **fields)
    return http.post(f"/v2/models/{model}/infer", content=content, headers=headers)


def read_answer(response: httpx.Response) -> dict[str, npt.NDArray[Any]]:
    """The outputs in an answer."""
    assert response.status_code == 200, response.text
    length = response.headers.get("Inference-Header-Content-Length")
    content = response.content
    header = json.loads(content if length is None else content[: int(length)])
    begin = len(content) if length is None else int(length)
    names = {name: dtype.value for dtype, name in DATATYPES.items()}
    outputs: dict[str, npt.NDArray[Any]] = {}
    for tensor in header["outputs"]:
        dtype = np.dtype(names[tensor["datatype"]])
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            array = np.array(tensor["data"], dtype)
        else:
            array = np.frombuffer(content[begin : begin + size], dtype)
            begin += size
        outputs[tensor["name"]] = array.reshape(tensor["shape"])
    assert begin == len(content)
    return outputs
