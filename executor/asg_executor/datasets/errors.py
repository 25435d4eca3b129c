"""What can go wrong with a data set.

ExecutorError (asg_executor.errors)
├── InvalidDatasetError  what was sent is no data set
├── UnknownDatasetError  there is no data set of that digest
├── DatasetInUseError    a job that is not at its end reads the data set
├── DatasetQuotaError    the tenant's data sets would take more than they may
└── TooManyDatasetsError as many data sets are kept as may be
"""

from typing import ClassVar

from asg_executor.errors import ExecutorError

__all__ = [
    "DatasetInUseError",
    "DatasetQuotaError",
    "InvalidDatasetError",
    "TooManyDatasetsError",
    "UnknownDatasetError",
]


class InvalidDatasetError(ExecutorError):
    """What was sent is no data set."""

    code: ClassVar[str] = "invalid_dataset"


class UnknownDatasetError(ExecutorError):
    """There is no data set of this digest.

    Args:
        digest: the digest.
    """

    code: ClassVar[str] = "unknown_dataset"

    def __init__(self, digest: str) -> None:
        super().__init__(f'there is no data set "{digest}"; POST it to /v1/datasets, GET /v1/datasets lists them')


class DatasetInUseError(ExecutorError):
    """A job that is not at its end reads the data set."""

    code: ClassVar[str] = "dataset_in_use"


class DatasetQuotaError(ExecutorError):
    """The data sets of the tenant would take more than they may.

    Args:
        used: how many bytes they take.
        wanted: how many more were sent.
        maximum: how many they may take.
    """

    code: ClassVar[str] = "quota_exceeded"

    def __init__(self, used: int, wanted: int, maximum: int) -> None:
        self.used, self.wanted, self.maximum = used, wanted, maximum
        super().__init__(
            f"the data sets of this tenant take {used} of the {maximum} bytes that they may "
            f"(tenant_max_dataset_bytes), and this one has {wanted}; delete one that is not needed"
        )


class TooManyDatasetsError(ExecutorError):
    """As many data sets are kept as may be.

    Args:
        capacity: how many that is.
    """

    code: ClassVar[str] = "too_many_datasets"

    def __init__(self, capacity: int) -> None:
        super().__init__(f"{capacity} data sets are kept, and no more may be; delete one that is not needed")
