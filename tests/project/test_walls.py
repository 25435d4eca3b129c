"""Each part imports without the libraries and the parts that it must not need."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICE = ["fastapi", "starlette", "uvicorn", "scipy", "pydantic_settings"]
ARRAYS = ["numpy", "ml_dtypes", "safetensors"]
NETWORK = ["httpx", "tenacity"]
TERMINAL = ["typer", "rich"]
DRAWING = ["pygraphviz"]

WALLS = {
    "asg_schema": ("schema", ["asg_builder", "asg_autograd", "asg_executor", *SERVICE, *ARRAYS, *NETWORK]),
    "asg_autograd": ("autograd", ["asg_builder", "asg_executor", *SERVICE, *ARRAYS, *NETWORK, *DRAWING]),
    "asg_builder": ("builder", ["asg_executor", *SERVICE]),
    "asg_executor": ("executor", ["asg_builder", "asg_autograd", *NETWORK]),
}

IMPORT_ALL = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from importlib import import_module
from pkgutil import walk_packages
package = import_module({package!r})
names = [m.name for m in walk_packages(package.__path__, package.__name__ + ".")]
names = [n for n in names if not set(n.split(".")) & set({left_out!r})]
for name in names:
    import_module(name)
print(len(names))
"""


def import_all(package: str, blocked: list[str], left_out: list[str]) -> int:
    code = IMPORT_ALL.format(package=package, blocked=blocked, left_out=left_out)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("package", WALLS)
def test_every_module_imports_without_the_others_libraries(package: str) -> None:
    folder, blocked = WALLS[package]
    modules = import_all(package, blocked, left_out=[])
    assert modules == len(list((ROOT / folder / package).rglob("*.py"))) - 1


@pytest.mark.parametrize("package", ["asg_schema", "asg_autograd"])
def test_only_the_command_line_needs_a_terminal_library(package: str) -> None:
    _, blocked = WALLS[package]
    assert import_all(package, [*blocked, *TERMINAL], left_out=["cli", "command_line", "commands"]) > 5


def test_the_part_folders_do_not_shadow_packages() -> None:
    for folder, _ in WALLS.values():
        assert not (ROOT / folder / "__init__.py").exists()


def test_only_the_transports_know_the_http_library() -> None:
    builder = ROOT / "builder" / "asg_builder"
    importing = re.compile(r"^\s*(?:import|from) httpx\b", re.MULTILINE)
    found = {
        file.relative_to(builder).as_posix() for file in builder.rglob("*.py") if importing.search(file.read_text())
    }
    transports = ("transport", "transport_direct", "transport_failures", "async_transport")
    assert found == {f"client/{name}.py" for name in transports}


def test_only_the_layout_knows_the_library_that_computes_it() -> None:
    importing = re.compile(r"(?:import |from |import_module\(\")pygraphviz")
    found = {
        file.relative_to(ROOT).as_posix()
        for folder, package in ((folder, package) for package, (folder, _) in WALLS.items())
        for file in (ROOT / folder / package).rglob("*.py")
        if importing.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"autograd/asg_autograd/drawing/layout.py"}


def test_only_the_native_engine_knows_the_compiler() -> None:
    importing = re.compile(r"^\s*(?:import|from) llvmlite\b", re.MULTILINE)
    executor = ROOT / "executor" / "asg_executor"
    found = {
        file.relative_to(executor).parts[:2]
        for file in executor.rglob("*.py")
        if importing.search(file.read_text(encoding="utf-8"))
    }
    assert found == {("engines", "native")}


WITHOUT_COMPILER = """
import sys
sys.modules["llvmlite"] = None
from asg_executor.engines.lookup import engine_named, engine_names
assert engine_names() == ("numpy",)
print(engine_named("auto").name)
"""


def test_without_the_compiler_the_numpy_engine_is_the_default() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "numpy\n"), done.stderr
