"""Data directories that earlier versions wrote are opened, have exactly what they had, and go on."""

from pathlib import Path

import pytest

from executor_harness.in_process import in_process
from golden_directories.kept import GOLDEN, read, seen, take

NAMES = sorted(path.name.removesuffix(".tar.gz") for path in GOLDEN.glob("*.tar.gz"))


def test_there_is_one_of_this_version() -> None:
    assert "0.1.0" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_directory_has_what_it_had_and_goes_on(tmp_path: Path, name: str) -> None:
    directory, expected = read(name, tmp_path)
    with in_process(data_dir=directory) as server:
        assert seen(server) == expected
        assert [item["code"] for item in expected.values() if "code" in item] == ["session_damaged"]
        assert all(expected["/v1"].values()), "keys, data sets and jobs"
        registers = {path: item for path, item in expected.items() if "register" in item.get("parameters", {})}
        assert len(registers) == 3
        for path, item in registers.items():
            take(server, path, item["step"] + 1, 7)
            (value,) = item["parameters"]["register"]["data"]
            after = seen(server)[path]
            assert (after["step"], after["parameters"]["register"]["data"]) == (item["step"] + 1, [value + 7])
    with in_process(data_dir=directory) as server:
        for path, item in registers.items():
            assert server.http.get(path).json()["step"] >= item["step"]
