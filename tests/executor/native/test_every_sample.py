"""Every op computes natively what its reference says: in each dtype, amid others, in place, and on turned operands."""

from collections.abc import Sequence

import pytest

from asg_executor.engines.native.native_engine import NativeEngine
from executor.native.sample_groups import GROUPS, SINGLE_PRECISION, check_as_they_are, check_turned
from op_samples.sample import Sample


@pytest.mark.parametrize("samples", GROUPS, ids=lambda samples: f"from {samples[0].id}")
def test_operands_as_they_are(samples: Sequence[Sample]) -> None:
    check_as_they_are(NativeEngine(), samples)


@pytest.mark.parametrize("samples", SINGLE_PRECISION, ids=lambda samples: f"from {samples[0].id}")
def test_operands_with_turned_axes(samples: Sequence[Sample]) -> None:
    check_turned(NativeEngine(), samples)
