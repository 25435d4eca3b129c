"""Long lists of numbers are read as arrays, and what is read or refused is what the usual reader reads or refuses."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_executor.api import bodies
from asg_executor.api.json_numbers import Numbers, put_back, without_numbers
from asg_executor.api.json_tensors import TensorError, decode_tensor
from asg_executor.api.open_inference import infer as inference
from asg_executor.api.quick_tensors import quick_tensor
from asg_executor.plan.arrays import Array
from asg_schema.dims import symbol
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType
from executor_harness.in_process import Server, in_process
from executor_harness.inference import mirror, model_of
from executor_harness.regression import regression_data

N, M = symbol("n"), symbol("m")
PLAIN = ["0.25"] * 100


def read(text: str) -> tuple[Any, int]:
    """The value of a text, with `Numbers`, and how many of them it has."""
    short = without_numbers(text.encode())
    if short is None:
        return json.loads(text), 0
    holder = {"value": json.loads(short.text)}
    assert put_back(short, holder) == len(short.numbers)
    return holder["value"], len(short.numbers)


def decoded(value: Any, type: TensorType) -> Array | tuple[object, ...]:
    try:
        return decode_tensor(value, type)
    except TensorError as error:
        return error.path, error.message


def same(text: str, type: TensorType) -> bool:
    """Whether a text is the same tensor, or wrong in the same way, when it is read quickly; whether it was."""
    value, _ = read(text)
    quickly, usually = decoded(value, type), decoded(json.loads(text), type)
    if isinstance(quickly, tuple) or isinstance(usually, tuple):
        assert quickly == usually
        return False
    assert (quickly.dtype, quickly.shape, quickly.tobytes()) == (usually.dtype, usually.shape, usually.tobytes())
    return quick_tensor(value, type) is not None


def listed(elements: list[str]) -> str:
    return f"[{', '.join(elements)}]"


@pytest.mark.parametrize("dtype", [dtype.value for dtype in DType if dtype is not DType.BOOL])
def test_lists_are_read_quickly(dtype: str) -> None:
    type = DType(dtype)
    elements = ["7"] * 200
    flat = listed(elements)
    assert read(flat)[1] == 1
    assert same(flat, TensorType(type, (N,)))
    assert same(f"[{flat}, {flat}]", TensorType(type, (2, N)))
    assert same(f"[[{flat}], [{flat}]]", TensorType(type, (N, 1, M)))
    assert same(f'{{"dtype": "{dtype}", "shape": [4, 50], "data": {flat}}}', TensorType(type, (N, M)))


@settings(max_examples=60)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=100, max_size=140))
def test_doubles_are_exact(numbers: list[float]) -> None:
    assert same(json.dumps(numbers), TensorType(DType.FLOAT64, (N,)))


@settings(max_examples=60)
@given(st.lists(st.integers(-(2**70), 2**70), min_size=100, max_size=140))
def test_integers_of_any_size(numbers: list[int]) -> None:
    for dtype in (DType.FLOAT32, DType.FLOAT64, DType.INT64, DType.UINT32):
        same(json.dumps(numbers), TensorType(dtype, (N,)))


ODD = [
    *("true", "null", '"nan"', '"x"', "1e39", "1e400", "65520", "1.0", "1e2", "-0", "-0.0", "-1", "300", "1e-400"),
    *(str(2**31), str(2**53), str(2**53 + 1), str(-(2**53) - 1), str(2**63), str(2**64), "1" + "0" * 400),
    *("[1]", "[]", "{}", "5e-324", "0.1", "4294967295", "NaN", "Infinity"),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("dtype", [dtype.value for dtype in DType])
def test_one_odd_element(odd: str, dtype: str) -> None:
    elements = ["1"] * 150
    elements[77] = odd
    type = DType(dtype)
    same(listed(elements), TensorType(type, (N,)))
    same(f"[{listed(elements)}, {listed(['1'] * 150)}]", TensorType(type, (N, M)))
    same(f'{{"dtype": "{dtype}", "shape": [150], "data": {listed(elements)}}}', TensorType(type, (N,)))


@pytest.mark.parametrize(
    "text",
    [
        f"[{listed(PLAIN)}, {listed(PLAIN[1:])}]",
        f"[{listed(PLAIN)}, 1]",
        f"[{listed(PLAIN)}, [1]]",
        f"[[{listed(PLAIN)}], {listed(PLAIN)}]",
        f'{{"dtype": "float32", "shape": [3], "data": {listed(PLAIN)}}}',
        f'{{"dtype": "float32", "shape": [-100], "data": {listed(PLAIN)}}}',
        f'{{"dtype": "float32", "shape": [true, 100], "data": {listed(PLAIN)}}}',
        f'{{"dtype": "float64", "shape": [1, 100], "data": {listed(PLAIN)}}}',
        f'{{"dtype": "float32", "shape": [1, 100], "data": {listed(PLAIN)}, "x": 1}}',
        f'{{"dtype": "float32", "shape": {listed(["1"] * 200)}, "data": [1]}}',
        f'{{"dtype": "float32", "shape": 1, "data": [{listed(PLAIN)}]}}',
        listed(PLAIN),
    ],
)
def test_what_has_not_the_shape_is_refused_as_ever(text: str) -> None:
    assert not same(text, TensorType(DType.FLOAT32, (2, M)))


@pytest.mark.parametrize("text", ["", "[", "]" * 1000, "[" * 1000, "[" + "1," * 300 + "]", "[1 2]" * 100, "x" * 999])
def test_what_is_no_list_of_numbers_is_left_where_it_is(text: str) -> None:
    assert without_numbers(text.encode()) is None


def test_a_string_that_looks_like_a_list_is_found_out() -> None:
    text = json.dumps({"id": listed(PLAIN), "x": [1]})
    short = without_numbers(text.encode())
    assert short is not None  # it was taken for one
    with pytest.raises(json.JSONDecodeError):
        json.loads(short.text)


def inference_body(**fields: Any) -> bytes:
    tensor = {"name": "in.float32", "shape": [100, 3], "datatype": "FP32", "data": [0.5] * 300, **fields}
    return json.dumps({"inputs": [tensor]}).encode()


INFERENCE = [
    inference_body(),
    inference_body(data=[[0.5] * 3] * 100),
    inference_body(data=[0.5] * 299),
    inference_body(data=[0.5] * 299 + [True]),
    inference_body(data=[0.5] * 299 + [1e39]),
    inference_body(data=[0.5] * 299 + [None]),
    inference_body(data=[0.5] * 299 + [float("nan")]),
    inference_body(parameters={"data": [0.5] * 300}),
    inference_body(name=json.dumps([0.5] * 300)),
    inference_body(datatype="FP64"),
    inference_body(name="in.int8", datatype="INT8", data=[7] * 300),
    inference_body(name="in.int8", datatype="INT8", data=[7] * 299 + [128]),
    inference_body(name="in.bool", datatype="BOOL", data=[1] * 300),
    inference_body() + b"x",
    inference_body().replace(b'"inputs"', b'"inputs": [], "inputs"'),
    b"[" * 500 + inference_body(),
]


def read_nothing_quickly(_: bytes) -> None:
    """What `without_numbers` returns of a text that has no long list."""


def test_inference_answers_the_same_however_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_process() as server:
        path = f"/v2/models/{model_of(server.http, predict=mirror())}/infer"

        def asked() -> list[tuple[int, dict[str, Any]]]:
            found = [server.http.post(path, content=body) for body in INFERENCE]
            return [(answer.status_code, {**answer.json(), "request_id": ""}) for answer in found]

        quickly = asked()
        monkeypatch.setattr(inference, "without_numbers", read_nothing_quickly)
        assert quickly == asked()
        assert [status for status, _ in quickly].count(200) == 5


def steps_of(server: Server) -> list[tuple[int, Any]]:
    session = server.create_session()
    data = regression_data(300)
    flat: dict[str, Any] = {
        name: {"dtype": "float32", "shape": list(array.shape), "data": array.reshape(-1).tolist()}
        for name, array in data.items()
    }

    def with_last(element: Any) -> dict[str, Any]:
        return {name: {**tensor, "data": [*tensor["data"][:-1], element]} for name, tensor in flat.items()}

    sent: list[Any] = [
        {"inputs": flat},
        {"inputs": {name: array.tolist() for name, array in data.items()}},
        {"inputs": with_last("inf")},
        {"inputs": with_last(True)},
        {"inputs": with_last(1e39)},
        {"inputs": {**flat, "z": [0.5] * 300}},
        {"inputs": {**flat, "target": [0.5] * 300}},
        {"inputs": [0.5] * 300},
        {"inputs": flat, "outputs": [0.5] * 300},
    ]
    found = [server.http.put(f"{session}/steps/{number}", json=body) for number, body in enumerate(sent, 1)]
    return [(answer.status_code, {**answer.json(), "request_id": "", "instance": ""}) for answer in found]


def test_steps_answer_the_same_however_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def counted(*arguments: Any) -> int:
        taken.append(put_back(*arguments))
        return taken[-1]

    monkeypatch.setattr(bodies, "put_back", counted)
    with in_process() as server:
        quickly = steps_of(server)
    assert 2 in taken  # both inputs of a step
    monkeypatch.setattr(bodies, "without_numbers", read_nothing_quickly)
    with in_process() as server:
        assert quickly == steps_of(server)
    assert [status for status, _ in quickly][:2] == [200, 200]


def test_arrays_are_of_the_dtype() -> None:
    numbers = Numbers(b"[1, 2]", np.array([1.0, 2.0]))
    array = numbers.array(DType.INT8)
    assert array is not None
    assert (array.dtype, array.tolist()) == (np.dtype(np.int8), [1, 2])
    assert numbers.array(DType.BOOL) is None
