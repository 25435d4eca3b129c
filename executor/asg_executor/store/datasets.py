"""`DatasetStore`: the data sets of a data directory: `datasets/<random>.safetensors`, each with its row.

A data set counts once its row is in the database. Each tenant has its own: whether another tenant has the same one
cannot be found out.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from asg_executor.datasets.dataset import Dataset, DatasetInfo
from asg_executor.datasets.errors import DatasetQuotaError, TooManyDatasetsError, UnknownDatasetError
from asg_executor.datasets.receiving import DatasetWriter, Received
from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import (
    TEMPORARY_PREFIX,
    discard_file,
    make_directory,
    remove_unfinished,
    storage_errors,
    sync_directory,
)
from asg_executor.store.errors import DamagedFileError
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["DamagedDataset", "DatasetStore"]

_DELETE = "DELETE FROM datasets WHERE tenant = ? AND digest = ?"

_log = logging.getLogger("asg_executor")


class DamagedDataset(NamedTuple):
    """A data set whose row does not hold what was written to it.

    Attributes:
        digest: its digest.
        reason: what is damaged.
    """

    digest: str
    reason: str


class DatasetStore:
    """The data sets of a data directory. Its methods may be called from several threads.

    Args:
        directory: where they are; made where there is none.
        database: the directory's metadata.
        capacity: how many are kept, those of all tenants together.

    Raises:
        StoreError: the system refuses.
    """

    def __init__(self, directory: Path, database: Database, capacity: int) -> None:
        self._directory = directory
        self._database = database
        self._capacity = capacity
        make_directory(directory)
        remove_unfinished(directory)
        # What a crash left without a row was never acknowledged.
        known = {row["file"] for row in database.rows("SELECT file FROM datasets")}
        with storage_errors(directory):
            for path in directory.iterdir():
                if path.name not in known:
                    path.unlink()

    def receive(self, check: Callable[[Mapping[str, str]], None]) -> DatasetWriter:
        """Begin with a data set that arrives; `add` keeps it.

        Args:
            check: called with the texts of its header; it refuses it by raising.

        Raises:
            StoreError: the system refuses.
        """
        return DatasetWriter(self._directory / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}", check)

    def add(self, tenant: str, received: Received, most: int | None = None) -> tuple[DatasetInfo, bool]:
        """Keep a data set; one that is there is no second one, and takes the place of a damaged one.

        Args:
            tenant: whose it is.
            received: what arrived; its file is gone afterwards.
            most: how many bytes the tenant's data sets may take together; None for as many as there is room for.

        Returns:
            What is known of it, and whether it is new.

        Raises:
            TooManyDatasetsError: there is no room for another.
            DatasetQuotaError: the tenant's would take too much.
            StoreError: it could not be kept.
        """
        present = self._row(tenant, received.digest)
        if present is not None and self._is_sound(present):
            discard_file(received.path)
            return self._info(present), False
        path = self._directory / f"{secrets.token_hex(16)}.safetensors"
        tensors = {name: (place.dtype.value, place.shape) for name, place in received.layout.tensors.items()}
        row = {
            "tenant": tenant,
            "digest": received.digest,
            "file": path.name,
            "bytes": received.bytes,
            "length": received.layout.length,
            "tensors": json.dumps(tensors),
            "created": time.time(),
        }
        with storage_errors(received.path):
            received.path.rename(path)
            sync_directory(self._directory)
        try:
            with self._database.transaction() as connection:
                present = self._row(tenant, received.digest)
                if present is None:
                    self._check_room(tenant, received.bytes, most)
                else:
                    connection.execute(_DELETE, [tenant, received.digest])
                self._database.insert("datasets", row)
        except BaseException:
            discard_file(path)
            raise
        if present is not None:
            discard_file(self._directory / present["file"])
        return self.find(tenant, received.digest), present is None

    def _is_sound(self, row: Row) -> bool:
        """Whether every byte of a data set is what was written."""
        try:
            Dataset.open(self._directory / row["file"], self._info(row))
        except DamagedFileError as error:
            _log.warning("a data set that is damaged was sent again: %s", error)
            return False
        return True

    def _check_room(self, tenant: str, wanted: int, most: int | None) -> None:
        ((count,),) = self._database.rows("SELECT count(*) FROM datasets")
        if count >= self._capacity:
            raise TooManyDatasetsError(self._capacity)
        ((used,),) = self._database.rows("SELECT coalesce(sum(bytes), 0) FROM datasets WHERE tenant = ?", [tenant])
        if most is not None and used + wanted > most:
            raise DatasetQuotaError(used, wanted, most)

    def _row(self, tenant: str, digest: str) -> Row | None:
        rows = self._database.rows("SELECT * FROM datasets WHERE tenant = ? AND digest = ?", [tenant, digest])
        return rows[0] if rows else None

    def _found(self, tenant: str, digest: str) -> Row:
        row = self._row(tenant, digest)
        if row is None:
            raise UnknownDatasetError(digest)
        return row

    def _info(self, row: Row) -> DatasetInfo:
        self._database.check_row("datasets", row)
        tensors = {
            name: TensorType(DType(dtype), tuple(shape)) for name, (dtype, shape) in json.loads(row["tensors"]).items()
        }
        return DatasetInfo(row["digest"], row["bytes"], row["length"], tensors, row["created"])

    def has(self, tenant: str, digest: str) -> bool:
        """Whether there is a data set of this digest, sound or not.

        Raises:
            StoreError: the system refuses.
        """
        return self._row(tenant, digest) is not None

    def find(self, tenant: str, digest: str) -> DatasetInfo:
        """What is known of a data set.

        Raises:
            UnknownDatasetError: there is none of this digest.
            StoreError: its row is damaged, or the system refuses.
        """
        return self._info(self._found(tenant, digest))

    def all(self, tenant: str) -> list[DatasetInfo | DamagedDataset]:
        """What is known of each, in the order in which they were sent.

        Raises:
            StoreError: the system refuses.
        """
        rows = self._database.rows("SELECT * FROM datasets WHERE tenant = ? ORDER BY created, digest", [tenant])
        return [self._known(row) for row in rows]

    def _known(self, row: Row) -> DatasetInfo | DamagedDataset:
        try:
            return self._info(row)
        except DamagedFileError as error:
            return DamagedDataset(row["digest"], str(error))

    def open(self, tenant: str, digest: str) -> Dataset:
        """A data set, every byte of which was found to be what was written.

        Raises:
            UnknownDatasetError: there is none of this digest.
            DamagedFileError: its file does not hold what was written to it.
            StoreError: the system refuses.
        """
        row = self._found(tenant, digest)
        return Dataset.open(self._directory / row["file"], self._info(row))

    def remove(self, tenant: str, digest: str) -> None:
        """Remove a data set.

        Raises:
            UnknownDatasetError: there is none of this digest.
            StoreError: the system refuses.
        """
        row = self._found(tenant, digest)
        with self._database.transaction() as connection:
            connection.execute(_DELETE, [tenant, digest])
        discard_file(self._directory / row["file"])
