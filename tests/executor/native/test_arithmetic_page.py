"""The page about the native engine's arithmetic states the bounds that the functions keep."""

import re
from pathlib import Path

from asg_executor.engines.native.math.functions import FUNCTIONS

_PAGE = (Path(__file__).parents[3] / "executor" / "docs" / "native_arithmetic.md").read_text()


def test_the_table_has_each_function_with_its_bounds() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|$", _PAGE, re.MULTILINE)
    stated = {name: (float(single), float(double)) for name, single, double in rows}
    assert stated == {name: (function.error_float32, function.error_float64) for name, function in FUNCTIONS.items()}
