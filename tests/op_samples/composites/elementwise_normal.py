"""Samples of the standard normal distribution, with the standard library's mathematics."""

import math

import numpy as np

from asg_schema.composites.elementwise_normal import NormalCdf, NormalPdf
from op_samples.sample import Sample, by_element, expecting, floats, spread

__all__ = ["SAMPLES"]

_INF, _NAN = math.inf, math.nan
_POINTS = floats(-4.0, -1.1, -0.2, 0.3, 0.9, 3.5)


def _cdf(x: float) -> float:
    return math.erfc(-x / math.sqrt(2.0)) / 2.0


def _pdf(x: float) -> float:
    return math.exp(-(x**2) / 2.0) / math.sqrt(math.tau)


SAMPLES: list[Sample] = [
    Sample("normal_cdf.points", NormalCdf, (_POINTS,), {}, by_element(_cdf)),
    Sample("normal_cdf.matrix", NormalCdf, (spread(2, 3),), {}, by_element(_cdf)),
    Sample("normal_cdf.rank_0", NormalCdf, (np.array(-0.4),), {}, by_element(_cdf)),
    Sample("normal_cdf.edges", NormalCdf, (floats(0.0, _INF, -_INF, _NAN),), {}, expecting(0.5, 1.0, 0.0, _NAN), False),
    Sample("normal_pdf.points", NormalPdf, (_POINTS,), {}, by_element(_pdf)),
    Sample("normal_pdf.matrix", NormalPdf, (spread(2, 3),), {}, by_element(_pdf)),
    Sample("normal_pdf.rank_0", NormalPdf, (np.array(-0.4),), {}, by_element(_pdf)),
    Sample(
        "normal_pdf.edges", NormalPdf, (floats(_INF, -_INF, 60.0, _NAN),), {}, expecting(0.0, 0.0, 0.0, _NAN), False
    ),
]
