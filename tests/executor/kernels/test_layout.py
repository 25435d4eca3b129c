"""Padding with values that the dtype does not have."""

from typing import Any

import numpy as np
import pytest

from asg_executor import run
from asg_schema.document import Document


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("int8", 300.7, 127),
        ("int8", -2.9, -2),
        ("uint32", -1.0, 0),
        ("int32", "nan", 0),
        ("int64", "inf", 2**63 - 1),
        ("float16", 1e300, np.inf),
        ("bool", "nan", True),
    ],
)
def test_the_value_is_converted_as_astype_does(dtype: str, value: Any, expected: Any) -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": dtype, "shape": [1]}],
            "nodes": [{"id": "y", "op": "pad", "inputs": ["x"], "low": [1], "high": [0], "value": value}],
            "outputs": [{"name": "y", "value": "y"}],
        }
    )
    assert run(document, {"x": np.zeros(1, dtype)})["y"].tolist() == [expected, 0]
