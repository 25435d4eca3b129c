"""Matrix products, convolution and pooling stay inside their arrays on processors with shorter vectors, too."""

from collections.abc import Sequence

import pytest

from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine
from asg_executor.engines.native.compilation import VectorUnit
from executor.native.sample_groups import SAMPLES, check_as_they_are, divide_all
from op_samples.sample import Sample

_TOGETHER = 20
_FAMILIES = ("contraction", "window", "linalg")
_SAMPLES = [sample for sample in SAMPLES if sample.op.family() in _FAMILIES]
_GROUPS = [_SAMPLES[begin : begin + _TOGETHER] for begin in range(0, len(_SAMPLES), _TOGETHER)]
_PLACES = ("matmul.spec", "window.convolution", "window.pooling")


@pytest.mark.parametrize("unit", [VectorUnit(16, 16), VectorUnit(16, 32), VectorUnit(32, 16)], ids=str)
@pytest.mark.parametrize("samples", _GROUPS, ids=lambda samples: f"from {samples[0].id}")
def test_operands_as_they_are(samples: Sequence[Sample], unit: VectorUnit, monkeypatch: pytest.MonkeyPatch) -> None:
    divide_all(monkeypatch, 2)
    for place in _PLACES:
        monkeypatch.setattr(f"asg_executor.engines.native.{place}.vector_unit", lambda: unit)
    check_as_they_are(CheckedNativeEngine(), samples)
