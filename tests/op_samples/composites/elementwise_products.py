"""Samples of gates and of sums with a product, element by element."""

import math

import numpy as np

from asg_schema.composites.elementwise_products import Addcmul, Gate
from op_samples.sample import Sample, by_element, expecting, floats, spread

__all__ = ["SAMPLES"]

_INF, _NAN = math.inf, math.nan


def _gate(x: float, control: float) -> float:
    return x if control > 0 else 0.0


SAMPLES: list[Sample] = [
    Sample("gate.one_shape", Gate, (spread(2, 3), spread(2, 3)[::-1].copy()), {}, by_element(_gate)),
    Sample("gate.broadcast", Gate, (spread(3), spread(2, 1)), {}, by_element(_gate)),
    Sample("gate.broadcast_control", Gate, (spread(2, 1), spread(3)), {}, by_element(_gate)),
    Sample("gate.rank_0", Gate, (np.array(1.5), np.array(0.5)), {}, by_element(_gate)),
    Sample("gate.empty", Gate, (np.zeros((0, 3)), np.zeros((0, 3))), {}, by_element(_gate)),
    Sample(
        "gate.edges",
        Gate,
        (floats(1.0, 1.0, 1.0, _INF, _NAN, 1.0, 1.0), floats(0.0, -0.0, _NAN, -1.0, -1.0, -_INF, _INF)),
        {},
        expecting(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        differentiable=False,
    ),
    Sample(
        "addcmul.one_shape",
        Addcmul,
        (spread(2, 3), spread(2, 3) * 0.7, spread(2, 3) + 0.3),
        {},
        by_element(lambda x, a, b: math.fsum((x, a * b))),
    ),
    Sample(
        "addcmul.minus_1",
        Addcmul,
        (spread(2, 3), spread(2, 1) * 0.7, spread(3) + 0.3),
        {"value": -1.0},
        by_element(lambda x, a, b: math.fsum((x, -a * b))),
    ),
    Sample(
        "addcmul.value",
        Addcmul,
        (spread(1, 3), spread(2, 3), spread(3) + 0.3),
        {"value": 0.5},
        by_element(lambda x, a, b: math.fsum((x, a * b / 2.0))),
    ),
    Sample(
        "addcmul.rank_0",
        Addcmul,
        (np.array(1.5), np.array(2.5), np.array(-0.5)),
        {},
        by_element(lambda x, a, b: x + a * b),
    ),
    Sample(
        "addcmul.value_0",
        Addcmul,
        (floats(1.0, 2.0), floats(3.0, _INF), floats(4.0, 1.0)),
        {"value": 0.0},
        expecting(1.0, _NAN),
        differentiable=False,
    ),
]
