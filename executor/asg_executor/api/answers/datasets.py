"""Answers about data sets."""

from pydantic import with_config
from typing_extensions import TypedDict

from asg_executor.api.answers.values import CLOSED, Count, Digest, TensorShape, Time
from asg_schema.dtype import DType

__all__ = ["DamagedDataset", "Dataset", "DatasetList", "DatasetTensor"]


@with_config(CLOSED)
class DatasetTensor(TypedDict):
    """The type of a data set's tensor."""

    dtype: DType
    """The type of its elements."""

    shape: TensorShape
    """The sizes of its axes; the first one is the data set's length."""


@with_config(CLOSED)
class Dataset(TypedDict):
    """What is known of a data set."""

    digest: Digest
    """The SHA-256 of its file, by which it is found."""

    bytes: Count
    """The size of the file."""

    length: Count
    """How many rows it has."""

    tensors: dict[str, DatasetTensor]
    """Its tensors, by name."""

    created: Time
    """When it was sent."""


@with_config(CLOSED)
class DamagedDataset(TypedDict):
    """A data set that cannot be used."""

    digest: Digest
    """Its digest."""

    reason: str
    """Why not."""


@with_config(CLOSED)
class DatasetList(TypedDict):
    """Data sets."""

    datasets: list[Dataset]
    """Those that can be used, in the order in which they were sent."""

    damaged: list[DamagedDataset]
    """The others."""
