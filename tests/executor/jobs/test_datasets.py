"""Data sets: sent once, found by their digest, read where they lie, refused where they are none."""

import errno
import json
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asg_executor.plan.arrays import numpy_dtype
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from asg_executor.store.data_directory import DataDirectory
from asg_schema.dtype import DType
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import add_dataset, create_session, data, start_job, wait
from executor_harness.problems import problem
from fault_harness.faulty_disk import FaultyDisk

HEADERS = {"Content-Type": MEDIA_TYPE}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path, workers=2, max_dataset_bytes=2**20) as server:
        yield server


def raw(header: Any, content: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def entry(shape: list[int], begin: int, end: int, dtype: str = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_data_set_is_kept_once_and_described(server: Server, tmp_path: Path) -> None:
    body = write_safetensors(data(), {})
    first = server.http.post("/v1/datasets", content=body, headers=HEADERS)
    digest = sha256(body).hexdigest()
    expected = {
        "digest": digest,
        "bytes": len(body),
        "length": 50,
        "tensors": {"x": {"dtype": "float32", "shape": [50, 4]}, "y": {"dtype": "int64", "shape": [50]}},
    }
    assert first.status_code == 201
    assert expected.items() <= first.json().items()
    assert first.headers["Location"] == f"/v1/datasets/{digest}"
    again = server.http.post("/v1/datasets", content=body, headers=HEADERS)
    assert (again.status_code, again.json()) == (200, first.json())
    assert server.http.get(f"/v1/datasets/{digest}").json() == first.json()
    assert server.http.get("/v1/datasets").json() == {"datasets": [first.json()], "damaged": []}
    (path,) = (tmp_path / "datasets").iterdir()
    assert path.read_bytes() == body
    assert server.http.delete(f"/v1/datasets/{digest}").status_code == 204
    assert list((tmp_path / "datasets").iterdir()) == []
    problem(server.http.get(f"/v1/datasets/{digest}"), "unknown_dataset")
    problem(server.http.delete(f"/v1/datasets/{digest}"), "unknown_dataset")


def test_texts_in_the_header_make_no_other_data_set(server: Server) -> None:
    digests = [
        server.http.post("/v1/datasets", content=write_safetensors(data(), {"note": text}), headers=HEADERS).json()
        for text in ("a", "another")
    ]
    assert digests[0]["digest"] == digests[1]["digest"]


def test_data_sets_are_there_again_after_a_restart(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        digest = add_dataset(server.http, data())
        before = server.http.get("/v1/datasets").json()
        unfinished = tmp_path / "datasets" / ".writing-0"
        unfinished.write_bytes(b"half")
        unknown = tmp_path / "datasets" / "unknown.safetensors"
        unknown.write_bytes(b"never acknowledged")
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get("/v1/datasets").json() == before
        assert add_dataset(server.http, data(), status=200) == digest
        assert not unfinished.exists()
        assert not unknown.exists()


BROKEN = {
    "no header": (b"\x01\x02", "the body is truncated: it ended after 2 bytes, and a whole header is needed"),
    "a long header": ((2**40).to_bytes(8, "little"), "the header claims 1099511627776 bytes"),
    "no JSON": (raw(b"{nonsense}"), "the safetensors header:"),
    "a list": (raw([]), "not a JSON object"),
    "a name twice": (raw(b'{"a": 1, "a": 2}'), '"a"'),
    "metadata of numbers": (raw({"__metadata__": {"n": 1}}), "is not an object of strings"),
    "no tensor": (raw({}), "there is no tensor"),
    "no fields": (raw({"x": {}}), "has not the fields dtype, shape, data_offsets"),
    "an unknown dtype": (raw({"x": entry([1], 0, 1, "F8")}), 'has the dtype "F8"; known are F16'),
    "a size that is a bool": (raw({"x": entry([True], 0, 1)}), "at most 64 sizes, and two places, are needed"),
    "a wrong size": (raw({"x": entry([4], 0, 3)}, b"abc"), "lies from byte 0 to 3; its dtype and shape take 4 bytes"),
    "petabytes": (raw({"x": entry([2**50], 0, 2**50)}, b"abc"), "more are needed"),
    "a gap": (raw({"x": entry([1], 1, 2)}, b"ab"), "neither gaps nor overlaps"),
    "an overlap": (raw({"x": entry([2], 0, 2), "y": entry([2], 1, 3)}, b"abc"), "neither gaps nor overlaps"),
    "truncated": (raw({"x": entry([4], 0, 4)}, b"abc"), "and 1 more are needed"),
    "too long": (raw({"x": entry([4], 0, 4)}, b"abcde"), "goes on behind its tensors"),
    "rank 0": (raw({"x": entry([], 0, 1)}, b"a"), "has rank 0"),
    "no row": (raw({"x": entry([0], 0, 0)}), "have no row"),
    "two lengths": (raw({"x": entry([1], 0, 1), "y": entry([2], 1, 3)}, b"abc"), "different numbers of rows"),
    "no bool": (raw({"x": entry([2], 0, 2, "BOOL")}, b"\x01\x02"), "is BOOL and holds the byte 2"),
}


@pytest.mark.parametrize(("body", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_data_set_is_refused(server: Server, tmp_path: Path, body: bytes, message: str) -> None:
    found = problem(server.http.post("/v1/datasets", content=body, headers=HEADERS), "invalid_dataset")
    assert message in found["detail"]
    assert list((tmp_path / "datasets").iterdir()) == []


def test_too_large_a_data_set_is_refused(server: Server, tmp_path: Path) -> None:
    large = {"x": np.zeros((2, 2**20), np.uint8)}
    found = problem(
        server.http.post("/v1/datasets", content=write_safetensors(large, {}), headers=HEADERS), "body_too_large"
    )
    assert found["detail"] == "a data set has at most 1048576 bytes here"

    async def pieces() -> AsyncIterator[bytes]:  # without a Content-Length
        for begin in range(0, len(body), 1000):
            yield body[begin : begin + 1000]

    async def send() -> httpx.Response:
        async with server.asynchronous() as http:
            return await http.post("/v1/datasets", content=pieces(), headers=HEADERS)

    body = write_safetensors(large, {})
    problem(server.runner.run(send()), "body_too_large")
    assert list((tmp_path / "datasets").iterdir()) == []


def test_another_media_type_is_refused(server: Server) -> None:
    problem(server.http.post("/v1/datasets", json={"x": [1]}), "unsupported_media_type")


def test_no_more_are_kept_than_may_be(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, max_datasets=1) as server:
        add_dataset(server.http, data())
        body = write_safetensors(data(seed=1), {})
        problem(server.http.post("/v1/datasets", content=body, headers=HEADERS), "too_many_datasets")
        add_dataset(server.http, data(), status=200)
        assert len(list((tmp_path / "datasets").iterdir())) == 1


def test_without_a_data_directory_there_are_none() -> None:
    with in_process() as server:
        body = write_safetensors(data(), {})
        problem(server.http.post("/v1/datasets", content=body, headers=HEADERS), "nothing_kept")
        problem(server.http.get("/v1/datasets"), "nothing_kept")
        session = create_session(server.http)
        problem(server.http.post(f"{session}/jobs", json={}), "nothing_kept")
        problem(server.http.get("/v1/jobs"), "nothing_kept")


def test_one_flipped_byte_is_found_before_a_step(server: Server, tmp_path: Path) -> None:
    session, digest = create_session(server.http), add_dataset(server.http, data())
    (path,) = (tmp_path / "datasets").iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    job = wait(server.http, start_job(server.http, session, dataset=digest, batch_size=10), "failed")
    assert job["error"]["code"] == "damaged_file"
    assert f"its SHA-256 is not {digest}" in job["error"]["detail"]
    assert server.http.get(session).json()["step"] == 0


def test_every_dtype_is_read_as_it_was_written(tmp_path: Path) -> None:
    tensors = {dtype.value: (np.arange(3 * 5).reshape(3, 5) % 2).astype(numpy_dtype(dtype)) for dtype in DType}
    with in_process(data_dir=tmp_path) as server:
        digest = add_dataset(server.http, tensors)
    directory = DataDirectory(tmp_path, 1, 1)
    dataset = directory.datasets.open("", digest)
    for name, array in tensors.items():
        rows = dataset.rows(name, np.array([2, 0]))
        assert rows.dtype == array.dtype
        assert rows.tobytes() == array[[2, 0]].tobytes()
        assert rows.flags.aligned
    directory.close()


def test_a_data_set_whose_file_cannot_be_removed_is_gone_all_the_same(tmp_path: Path) -> None:
    only = frozenset({"unlink"})
    with FaultyDisk(tmp_path, fault=errno.EIO, only=only) as disk, in_process(data_dir=tmp_path) as server:
        path = f"/v1/datasets/{add_dataset(server.http, data())}"
        disk.fail_from_now_on()
        assert server.http.delete(path).status_code == 204
        assert disk.happened
        disk.mend()
        problem(server.http.get(path), "unknown_dataset")
    assert list((tmp_path / "datasets").iterdir())
    with in_process(data_dir=tmp_path):
        assert not list((tmp_path / "datasets").iterdir())


def test_a_tenants_data_sets_take_no_more_than_they_may(tmp_path: Path) -> None:
    bodies = [write_safetensors(data(seed=seed), {}) for seed in range(2)]
    total = sum(map(len, bodies))
    with in_process(data_dir=tmp_path, tenant_max_dataset_bytes=total - 1) as server:
        first = add_dataset(server.http, data(seed=0))
        found = problem(server.http.post("/v1/datasets", content=bodies[1], headers=HEADERS), "quota_exceeded")
        figures = {"quota": "dataset_bytes", "used": len(bodies[0]), "wanted": len(bodies[1]), "maximum": total - 1}
        assert figures.items() <= found.items()
        assert len(list((tmp_path / "datasets").iterdir())) == 1
        add_dataset(server.http, data(seed=0), status=200)
        assert server.http.delete(f"/v1/datasets/{first}").status_code == 204
        add_dataset(server.http, data(seed=1))
        problem(server.http.post("/v1/datasets", content=b"x" * total, headers=HEADERS), "body_too_large")


@pytest.mark.parametrize("harm", ["file", "row", "missing"])
def test_a_damaged_data_set_is_named_and_is_whole_once_it_is_sent_again(tmp_path: Path, harm: str) -> None:
    with in_process(data_dir=tmp_path, workers=2) as server:
        session, digest = create_session(server.http), add_dataset(server.http, data())
        (path,) = (tmp_path / "datasets").iterdir()
        other = add_dataset(server.http, data(seed=1))
        if harm == "row":
            with server.app.state.service.directory.database.transaction() as connection:
                connection.execute("UPDATE datasets SET length = 49 WHERE digest = ?", [digest])
            listed = server.http.get("/v1/datasets").json()
            assert [item["digest"] for item in listed["datasets"]] == [other], "the others are listed all the same"
            assert [item["digest"] for item in listed["damaged"]] == [digest]
            problem(server.http.get(f"/v1/datasets/{digest}"), "damaged_file")
        elif harm == "file":
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        else:
            path.unlink()
        assert add_dataset(server.http, data(), status=200) == digest
        assert server.http.get("/v1/datasets").json()["damaged"] == []
        wait(server.http, start_job(server.http, session, dataset=digest, batch_size=10))
        assert len(list((tmp_path / "datasets").iterdir())) == 2
