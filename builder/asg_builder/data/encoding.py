"""Classes as rows of zeros and a one."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array, as_array
from asg_schema.errors import AsgError

__all__ = ["OneHotEncoder"]


class OneHotEncoder:
    """For each category of each feature a column that is 1 where the feature has it; as scikit-learn's, but dense.

    After `sklearn.preprocessing.OneHotEncoder` with `sparse_output=False`.

    Args:
        categories: "auto" for those that the data has, sorted; or for each feature those that it may have, in the order
            of their columns.
        handle_unknown: what `transform` does with a category that was not there: "error" raises, "ignore" makes all of
            the feature's columns 0.
        dtype: the dtype of the result.

    Attributes:
        categories_: the categories of each feature in the order of their columns; empty before `fit`.
    """

    def __init__(
        self,
        *,
        categories: Literal["auto"] | Sequence[npt.ArrayLike] = "auto",
        handle_unknown: Literal["error", "ignore"] = "error",
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if handle_unknown not in ("error", "ignore"):
            raise AsgError(f'OneHotEncoder: handle_unknown is "{handle_unknown}"; "error" or "ignore" is needed')
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.dtype = np.dtype(dtype)
        self.categories_: list[Array] = []

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the categories.

        Args:
            X: a table [rows, features] of integers, strings, bools, or objects that can be sorted.
            y: not used; pipelines give it.

        Raises:
            AsgError: X is no table, has no row, holds NaN or what cannot be sorted, or has a category that is not among
                those given.
        """
        table = _table(X)
        if isinstance(self.categories, str):
            self.categories_ = [_sorted_categories(table[:, column], column) for column in range(table.shape[1])]
            return self
        if len(self.categories) != table.shape[1]:
            raise AsgError(
                f"OneHotEncoder: categories are given for {len(self.categories)} features, and the data has "
                f"{table.shape[1]}"
            )
        self.categories_ = [_as_column(values) for values in self.categories]
        for column, values in enumerate(self.categories_):
            if len(set(values.tolist())) != len(values):
                raise AsgError(f"OneHotEncoder: feature {column} has a category twice among those given")
        if self.handle_unknown == "error":
            self._places(table)
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """The encoded table, [rows, categories of all features].

        Raises:
            AsgError: `fit` was not called, X is no table of as many features, or a category is unknown.
        """
        table = self._table_for(X)
        columns: list[Array] = []
        for values, places in zip(self.categories_, self._places(table), strict=True):
            columns.append((places[:, np.newaxis] == np.arange(len(values))).astype(self.dtype))
        return np.concatenate(columns, axis=1)

    def fit_transform(self, X: npt.ArrayLike, y: object = None) -> Array:
        """`fit`, then `transform` of the same table."""
        return self.fit(X, y).transform(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Array:
        """The categories of encoded rows, [rows, features]: for each feature that of the largest column.

        A feature whose columns are all 0 becomes None where "ignore" allows it.

        Args:
            X: an encoded table; scores of the categories will do.

        Raises:
            AsgError: `fit` was not called, X has another number of columns, or a feature's columns are all 0.
        """
        if not self.categories_:
            raise AsgError("OneHotEncoder: call fit first; it has not learnt anything yet")
        table = as_array(X, "OneHotEncoder: the data")
        width = sum(map(len, self.categories_))
        if table.ndim != 2 or table.shape[1] != width:
            raise AsgError(f"OneHotEncoder: the data has the shape {list(table.shape)}; [rows, {width}] is needed")
        features: list[Array] = []
        begin = 0
        for column, values in enumerate(self.categories_):
            part = table[:, begin : begin + len(values)]
            begin += len(values)
            features.append(self._categories_of(part, values, column))
        common = np.result_type(*features) if len({item.dtype.kind for item in features}) == 1 else np.dtype(object)
        return np.stack([item.astype(common) for item in features], axis=1)

    def _categories_of(self, part: Array, values: Array, column: int) -> Array:
        found = values[part.argmax(axis=1)]
        unknown = np.flatnonzero((part == 0).all(axis=1))
        if not unknown.size:
            return found
        if self.handle_unknown == "error":
            raise AsgError(f"OneHotEncoder: in row {unknown[0]} all columns of feature {column} are 0")
        found = found.astype(object)
        found[unknown] = None
        return found

    def _table_for(self, data: npt.ArrayLike) -> Array:
        if not self.categories_:
            raise AsgError("OneHotEncoder: call fit first; it has not learnt anything yet")
        table = _table(data)
        if table.shape[1] != len(self.categories_):
            raise AsgError(
                f"OneHotEncoder: the data has {table.shape[1]} features, and it was fitted to {len(self.categories_)}"
            )
        return table

    def _places(self, table: Array) -> list[Array]:
        """For each feature the place of each row's category, -1 where it is unknown."""
        result: list[Array] = []
        for column, values in enumerate(self.categories_):
            places = _lookup(values, table[:, column])
            unknown = np.flatnonzero(places < 0)
            if unknown.size and self.handle_unknown == "error":
                value = table[unknown[0]].tolist()[column]
                raise AsgError(
                    f"OneHotEncoder: row {unknown[0]} has {value!r} as feature {column}, which is not among the "
                    f"categories {values.tolist()}"
                )
            result.append(places)
        return result


def _as_column(values: Any) -> Array:
    """Values as an array; a list of several kinds keeps them apart, where NumPy would make strings of all."""
    array: Array = np.asarray(values)
    if not isinstance(values, np.ndarray) and array.dtype.kind in "US":
        array = np.array(values, object)
        return array.astype(str) if all(isinstance(value, str) for value in array) else array
    return array


def _table(data: npt.ArrayLike) -> Array:
    table = as_array(data, "OneHotEncoder: the data")
    if not isinstance(data, np.ndarray) and table.dtype.kind in "US":
        table = np.array(data, object)  # numbers among strings would have become strings
    if table.ndim != 2:
        raise AsgError(
            f"OneHotEncoder: the data has the shape {list(table.shape)}; a table [rows, features] is needed"
            + ("; reshape(-1, 1) makes one of a single feature" if table.ndim == 1 else "")
        )
    if table.shape[0] == 0:
        raise AsgError("OneHotEncoder: the data has no row; at least one is needed")
    return table


def _sorted_categories(values: Array, column: int) -> Array:
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise AsgError(f"OneHotEncoder: feature {column} holds NaN, which is no category")
    try:
        return np.unique(values)
    except TypeError as error:
        raise AsgError(f"OneHotEncoder: the categories of feature {column} cannot be sorted: {error}") from None


def _lookup(categories: Array, values: Array) -> Array:
    """The place of each value among the categories, -1 where it is none of them."""
    if object in (categories.dtype, values.dtype) or categories.dtype.kind != values.dtype.kind:
        place = {value: index for index, value in enumerate(categories.tolist())}
        return np.array([place.get(value, -1) for value in values.tolist()], np.int64)
    order = np.argsort(categories)
    found = order[np.minimum(np.searchsorted(categories, values, sorter=order), len(categories) - 1)]
    return np.where(categories[found] == values, found, -1)
