"""Scaling features, with scikit-learn's interface: fit, transform, fit_transform, inverse_transform.

Data is a table [rows, features] of finite numbers. Results have the table's floating-point dtype, and float64 for
integers; what is learnt is float64.
"""

from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_schema.errors import AsgError

__all__ = ["MinMaxScaler", "StandardScaler"]


class _Fitted(Protocol):
    n_features_in_: int | None


class StandardScaler:
    """(x - mean) / standard deviation, each feature by itself; after `sklearn.preprocessing.StandardScaler`.

    A constant feature is divided by 1, so that it becomes 0.

    Args:
        with_mean: whether the mean is subtracted.
        with_std: whether the result is divided by the standard deviation.

    Attributes:
        mean_: the mean of each feature, float64.
        var_: their variances, divided by the number of rows.
        scale_: what is divided by: their standard deviations, 1 for a constant feature.
        n_samples_seen_: the number of rows that these were learnt from.
        n_features_in_: the number of features; None before `fit`.
    """

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std
        self.mean_: Array = np.zeros(0)
        self.var_: Array = np.zeros(0)
        self.scale_: Array = np.zeros(0)
        self.n_samples_seen_ = 0
        self.n_features_in_: int | None = None

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the means and deviations.

        Args:
            X: a table [rows, features].
            y: not used; pipelines give it.

        Raises:
            AsgError: X is no table of finite numbers, or has no row.
        """
        table = _table(X, "StandardScaler").astype(np.float64)
        self.mean_, self.var_ = table.mean(axis=0), table.var(axis=0)
        # Not where the variance is 0: the mean of equal numbers may differ from them by a rounding.
        constant = table.min(axis=0) == table.max(axis=0)
        self.var_[constant] = 0.0
        self.scale_ = np.where(constant, 1.0, np.sqrt(self.var_))
        self.mean_[constant] = table[0, constant]
        self.n_samples_seen_, self.n_features_in_ = table.shape
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """The scaled table.

        Raises:
            AsgError: `fit` was not called, or X is no table of as many features.
        """
        table = _table_for(self, X)
        shifted = table - self.mean_ if self.with_mean else table.astype(np.float64)
        return _rounded(shifted / self.scale_ if self.with_std else shifted, table)

    def fit_transform(self, X: npt.ArrayLike, y: object = None) -> Array:
        """`fit`, then `transform` of the same table."""
        return self.fit(X, y).transform(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Array:
        """The table that `transform` makes X of, up to rounding.

        Raises:
            AsgError: as `transform`.
        """
        table = _table_for(self, X)
        grown = table * self.scale_ if self.with_std else table.astype(np.float64)
        return _rounded(grown + self.mean_ if self.with_mean else grown, table)


class MinMaxScaler:
    """x mapped linearly so that each feature fills a range; after `sklearn.preprocessing.MinMaxScaler`.

    A constant feature becomes the lower end of the range.

    Args:
        feature_range: the range, its lower end first.
        clip: whether what lies outside after `transform` is held within the range.

    Attributes:
        data_min_: the smallest value of each feature, float64.
        data_max_: the largest.
        scale_: what is multiplied with: the length of the range by that of the feature, 1 for a constant feature.
        min_: what is added then.
        n_features_in_: the number of features; None before `fit`.

    Raises:
        AsgError: the ends of the range are not in order.
    """

    def __init__(self, feature_range: tuple[float, float] = (0, 1), *, clip: bool = False) -> None:
        if not feature_range[0] < feature_range[1]:
            raise AsgError(f"MinMaxScaler: feature_range is {feature_range}; its lower end comes first")
        self.feature_range = feature_range
        self.clip = clip
        self.data_min_: Array = np.zeros(0)
        self.data_max_: Array = np.zeros(0)
        self.scale_: Array = np.zeros(0)
        self.min_: Array = np.zeros(0)
        self.n_features_in_: int | None = None

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the ends of each feature.

        Args:
            X: a table [rows, features].
            y: not used; pipelines give it.

        Raises:
            AsgError: X is no table of finite numbers, or has no row.
        """
        table = _table(X, "MinMaxScaler").astype(np.float64)
        low, high = self.feature_range
        self.data_min_, self.data_max_ = table.min(axis=0), table.max(axis=0)
        length = self.data_max_ - self.data_min_
        self.scale_ = (high - low) / np.where(length == 0, 1.0, length)
        self.min_ = low - self.data_min_ * self.scale_
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """The scaled table.

        Raises:
            AsgError: `fit` was not called, or X is no table of as many features.
        """
        table = _table_for(self, X)
        scaled = table * self.scale_ + self.min_
        return _rounded(np.clip(scaled, *self.feature_range) if self.clip else scaled, table)

    def fit_transform(self, X: npt.ArrayLike, y: object = None) -> Array:
        """`fit`, then `transform` of the same table."""
        return self.fit(X, y).transform(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Array:
        """The table that `transform` makes X of, up to rounding and to what was clipped.

        Raises:
            AsgError: as `transform`.
        """
        table = _table_for(self, X)
        return _rounded((table - self.min_) / self.scale_, table)


def _table(data: npt.ArrayLike, owner: str) -> Array:
    """The data as a table of finite numbers with at least one row."""
    table = as_array(data, f"{owner}: the data")
    if table.ndim != 2:
        raise AsgError(
            f"{owner}: the data has the shape {list(table.shape)}; a table [rows, features] is needed"
            + ("; reshape(-1, 1) makes one of a single feature" if table.ndim == 1 else "")
        )
    if table.dtype.kind not in "fiub":
        raise AsgError(f"{owner}: the data is an array of {table.dtype}; numbers are needed")
    if table.shape[0] == 0:
        raise AsgError(f"{owner}: the data has no row; at least one is needed")
    wrong = np.argwhere(~np.isfinite(table))
    if wrong.size:
        row, column = wrong[0]
        raise AsgError(f"{owner}: row {row} has {table[row, column]} as feature {column}; a finite number is needed")
    return table


def _table_for(scaler: _Fitted, data: npt.ArrayLike) -> Array:
    """A table of the features that a scaler was fitted to."""
    owner = type(scaler).__name__
    if scaler.n_features_in_ is None:
        raise AsgError(f"{owner}: call fit first; it has not learnt anything yet")
    table = _table(data, owner)
    if table.shape[1] != scaler.n_features_in_:
        raise AsgError(
            f"{owner}: the data has {table.shape[1]} features, and the scaler was fitted to {scaler.n_features_in_}"
        )
    return table


def _rounded(result: Array, table: Array) -> Array:
    """The result in the table's dtype, if that is a floating-point one."""
    return result.astype(table.dtype) if table.dtype.kind == "f" else result
