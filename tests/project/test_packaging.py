"""What the built distribution holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["asg_schema", "asg_builder", "asg_autograd", "asg_executor"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("asgraph-*.whl")
    return built


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
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


def test_an_installation_finds_its_own_vectors(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "from asg_builder.conformance import read_cases, vector_folder\n"
        "print(vector_folder(), len(read_cases()))"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    folder, _, count = printed.rpartition(" ")
    assert Path(folder) == tmp_path / "asg_builder/conformance/vector_files"
    assert int(count) > 3000


def test_nothing_else_is_installed(wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
