"""The map of the code leads to code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "ARCHITECTURE.md").read_text()
SECTIONS = re.findall(r"^### `(\w+/asg_\w+)`.*?\n(.*?)(?=^###? )", MAP, re.MULTILINE | re.DOTALL)


def named_modules() -> list[str]:
    """Every module that a section of the code map names, from the root; families stand for one of them."""
    return [
        f"{package}/{name.replace('<family>', 'reduction').replace('<layer>', 'linear').replace('<resource>', 'steps')}"
        for package, text in SECTIONS
        for name in re.findall(r"`([\w/<>]+\.py|\w+/)`", text)
    ]


def test_every_part_has_a_section() -> None:
    assert {package for package, _ in SECTIONS} == {
        "schema/asg_schema",
        "builder/asg_builder",
        "autograd/asg_autograd",
        "executor/asg_executor",
    }


@pytest.mark.parametrize("module", named_modules())
def test_a_module_on_the_map_exists(module: str) -> None:
    assert (ROOT / module).exists()


@pytest.mark.parametrize(("package", "text"), SECTIONS, ids=[package for package, _ in SECTIONS])
def test_every_folder_is_on_the_map(package: str, text: str) -> None:
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert folders <= set(re.findall(r"\w+", text))
