"""Safetensors bodies: what is read, and that broken and hostile ones are refused with a reason."""

import json
import struct
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from asg_executor.plan.arrays import numpy_dtype
from asg_executor.safetensors_bytes import SafetensorsError, read_safetensors, write_safetensors
from asg_schema.dtype import DType
from executor_harness.in_process import Server
from executor_harness.problems import problem

TYPE = {"Content-Type": "application/vnd.safetensors"}


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_every_dtype_goes_there_and_back() -> None:
    generator = np.random.default_rng(0)
    arrays = {dtype.value: generator.integers(0, 2, (2, 3)).astype(numpy_dtype(dtype)) for dtype in DType} | {
        "empty": np.empty((0, 2), np.float32),
        "scalar": np.array(3, np.int64),
        "b": np.ones(2, ml_dtypes.bfloat16),
    }
    tensors, metadata = read_safetensors(write_safetensors(arrays, {"step": "1", "ü": "é"}))
    assert metadata == {"step": "1", "ü": "é"}
    assert tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (tensors[name].dtype, tensors[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(tensors[name], array)


def test_views_are_written_as_they_look() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    body = write_safetensors({"t": array.T, "s": array[:, ::2]}, {})
    np.testing.assert_array_equal(safetensors.numpy.load(body)["t"], array.T)
    np.testing.assert_array_equal(safetensors.numpy.load(body)["s"], array[:, ::2])


def test_the_name_that_the_format_keeps_for_itself() -> None:
    with pytest.raises(SafetensorsError, match="__metadata__"):
        write_safetensors({"__metadata__": np.ones(1)}, {})


GOOD = safetensors.numpy.save({"x": np.ones((1, 3), np.float32), "target": np.ones((1, 1), np.float32)})
F32 = entry("F32", [1], 0, 4)

HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated: it has 0 bytes"),
    "seven bytes": (GOOD[:7], "truncated: it has 7 bytes"),
    "half a header": (GOOD[:40], "truncated: its header claims"),
    "half the data": (GOOD[:-3], "truncated: its tensors take"),
    "a byte too many": (GOOD + b"\0", "1 bytes follow the last tensor"),
    "a huge header": (struct.pack("<Q", 2**62) + b"{}", "at most"),
    "a header that is no JSON": (raw(b"{'x'}"), "not valid JSON"),
    "a header that is no object": (raw([]), "not a JSON object"),
    "a name twice": (raw(b'{"x": 1, "x": 2}'), '"x" stands twice'),
    "overlap": (raw({"a": F32, "b": entry("F32", [1], 0, 4)}, bytes(4)), "neither gaps nor overlaps"),
    "a gap": (raw({"a": F32, "b": entry("F32", [1], 8, 12)}, bytes(12)), "neither gaps nor overlaps"),
    "backwards": (raw({"a": entry("F32", [1], 4, 0)}, bytes(4)), "lies from byte 4 to 0"),
    "beyond the end": (raw({"a": entry("F32", [100], 0, 400)}, bytes(4)), "truncated: its tensors take"),
    "a shape that overflows": (raw({"a": entry("F32", [2**62, 4], 0, 0)}), "its dtype and shape take"),
    "a negative shape": (raw({"a": entry("F32", [-1], 0, 4)}, bytes(4)), "has the shape [-1]"),
    "too few bytes for the shape": (raw({"a": entry("F64", [1], 0, 4)}, bytes(4)), "its dtype and shape take 8 bytes"),
    "an unknown dtype": (raw({"a": entry("F33", [1], 0, 4)}, bytes(4)), 'the dtype "F33"; known are'),
    "a dtype that documents do not have": (raw({"a": entry("I16", [2], 0, 4)}, bytes(4)), 'the dtype "I16"; known are'),
    "a bool of 2": (raw({"a": entry("BOOL", [1], 0, 1)}, b"\2"), "holds the byte 2"),
    "metadata that is no object": (raw({"__metadata__": 3}), "not an object of strings"),
    "metadata that is no text": (raw({"__metadata__": {"step": 3}}), "not an object of strings"),
    "a pickle": (b"\x80\x04\x95" + bytes(100), "the header claims"),
    "JSON": (b'{"inputs": {"x": [[1, 2, 3]], "target": [[1]]}}', "the header claims"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_broken_and_hostile_bodies_are_refused(server: Server, name: str) -> None:
    body, message = HOSTILE[name]
    session = server.create_session()
    state = server.digest(session)
    response = server.http.put(f"{session}/steps/1", content=body, headers=TYPE)
    assert message in problem(response, "invalid_body")["detail"]
    assert server.digest(session) == state
    assert server.http.put(f"{session}/steps/1", content=GOOD, headers=TYPE).status_code == 200


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_the_library_accepts_what_is_read(position: int, flip: int) -> None:
    body = bytearray(GOOD)
    body[position] ^= flip
    try:
        tensors, _ = read_safetensors(bytes(body))
    except SafetensorsError:
        return
    expected = safetensors.numpy.load(bytes(body))
    assert tensors.keys() == expected.keys()
    for name, array in tensors.items():
        assert (array.dtype, array.shape) == (expected[name].dtype, expected[name].shape)
        np.testing.assert_array_equal(array, expected[name])


@given(
    st.dictionaries(
        st.text(max_size=5).filter(lambda name: name != "__metadata__"),
        st.tuples(
            st.sampled_from(["bool", "int8", "float16", "float32", "int64"]), st.lists(st.integers(0, 3), max_size=3)
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_by_the_library_and_the_reverse(types: dict[str, tuple[str, list[int]]]) -> None:
    arrays = {
        name: np.arange(int(np.prod(shape))).reshape(shape).astype(dtype) for name, (dtype, shape) in types.items()
    }
    for read in (
        safetensors.numpy.load(write_safetensors(arrays, {})),
        read_safetensors(safetensors.numpy.save(arrays))[0],
    ):
        assert read.keys() == arrays.keys()
        for name, array in arrays.items():
            assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(read[name], array)


def test_tensors_that_are_not_aligned_are_read() -> None:
    values = np.array([1.5, 2.5], np.float32)
    body = raw({"b": entry("BOOL", [1], 0, 1), "f": entry("F32", [2], 1, 9)}, b"\1" + values.tobytes())
    tensors, _ = read_safetensors(body)
    assert tensors["f"].flags.aligned
    assert not tensors["f"].flags.writeable
    np.testing.assert_array_equal(tensors["f"], values)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_never_ends_in_another_error(position: int, flip: int) -> None:
    body = bytearray(GOOD)
    body[position] ^= flip
    try:
        tensors, _ = read_safetensors(bytes(body))
    except SafetensorsError:
        return
    assert all(array.size <= 4 for array in tensors.values())


@pytest.mark.parametrize(
    ("tensors", "metadata", "code", "message"),
    [
        ({"x": np.ones((1, 3))}, {}, "interface_mismatch", "float64"),
        ({"x": np.ones((1, 3), np.float32), "y": np.ones(1)}, {}, "interface_mismatch", 'no input "y"'),
        ({"x": np.ones((3,), np.float32)}, {}, "interface_mismatch", "its shape is [3]"),
        ({}, {"outputs": "loss"}, "invalid_request", '"outputs" of the metadata holds JSON'),
        ({}, {"outputs": '"loss"'}, "invalid_request", "/outputs"),
        ({}, {"ouputs": "[]"}, "invalid_request", 'no field "ouputs"'),
        ({}, {"inputs": "{}"}, "invalid_request", "the tensors of the body"),
    ],
    ids=str,
)
def test_well_formed_bodies_that_say_something_wrong(
    server: Server, tensors: dict[str, Any], metadata: dict[str, str], code: str, message: str
) -> None:
    body = safetensors.numpy.save(tensors, metadata or None)
    response = server.http.put(f"{server.create_session()}/steps/1", content=body, headers=TYPE)
    assert message in problem(response, code)["detail"]
