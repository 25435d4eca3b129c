"""No native kernel reaches beyond its arrays, in any sample of any op."""

from collections.abc import Sequence

import pytest

from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine
from executor.native.sample_groups import GROUPS, SINGLE_PRECISION, check_as_they_are, check_turned, divide_all
from op_samples.sample import Sample

in_parts = pytest.mark.parametrize("parts", [1, 2, 3, 5])


@in_parts
@pytest.mark.parametrize("samples", GROUPS, ids=lambda samples: f"from {samples[0].id}")
def test_operands_as_they_are(samples: Sequence[Sample], parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    divide_all(monkeypatch, parts)
    check_as_they_are(CheckedNativeEngine(), samples)


@in_parts
@pytest.mark.parametrize("samples", SINGLE_PRECISION, ids=lambda samples: f"from {samples[0].id}")
def test_operands_with_turned_axes(samples: Sequence[Sample], parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    divide_all(monkeypatch, parts)
    check_turned(CheckedNativeEngine(), samples)
