"""Samples of control."""

import numpy as np

from asg_schema.ops.control import Barrier
from op_samples.sample import Sample, spread

SAMPLES: list[Sample] = [
    Sample("barrier.float64", Barrier, (spread(2, 3),), {}, lambda x: x + 0.0),
    Sample("barrier.int8", Barrier, (np.array([-1, 2], np.int8),), {}, lambda x: x + np.int8(0)),
    Sample("barrier.bool", Barrier, (np.array(True),), {}, lambda x: x & np.array(True)),
]
