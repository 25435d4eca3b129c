"""What the built distribution holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["asg_schema", "asg_builder", "asg_autograd", "asg_executor"]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("asgraph-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_there_typed(wheel_names: set[str], package: str) -> None:
    assert f"{package}/__init__.py" in wheel_names
    assert f"{package}/py.typed" in wheel_names


def test_the_conformance_vectors_come_along(wheel_names: set[str]) -> None:
    files = [path.name for path in (ROOT / "tests/conformance").iterdir()]
    assert len([name for name in files if name.endswith(".json")]) > 10
    assert {f"asg_builder/conformance/vector_files/{name}" for name in files} <= wheel_names


def test_nothing_else_is_installed(wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
