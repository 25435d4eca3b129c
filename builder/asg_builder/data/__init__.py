"""Data on the client: batches of NumPy arrays, splits, and the scalers that go before a model.

`train_test_split`, `StandardScaler`, `MinMaxScaler` and `OneHotEncoder` have scikit-learn's interface, so that its own
objects can stand in their place. A session's `fit` takes any iterable of batches; `Batches` makes one of arrays,
and `micro_batches` divides a batch for `step_micro_batches`.
"""

from asg_builder.data.batches import Batches
from asg_builder.data.encoding import OneHotEncoder
from asg_builder.data.micro_batches import micro_batches
from asg_builder.data.samplers import RandomSampler, Sampler, SequentialSampler, WeightedRandomSampler
from asg_builder.data.scaling import MinMaxScaler, StandardScaler
from asg_builder.data.splitting import train_test_split

__all__ = [
    "Batches",
    "MinMaxScaler",
    "OneHotEncoder",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StandardScaler",
    "WeightedRandomSampler",
    "micro_batches",
    "train_test_split",
]
