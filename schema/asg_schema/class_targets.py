"""`ClassTargets`: class indices as the losses of classification and their gradients read them."""

from functools import cached_property

from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.expansion import count_elements, widened
from asg_schema.ops.comparison import Less, NotEqual
from asg_schema.ops.elementwise import Astype, Where
from asg_schema.ops.indexing import Take
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum, reduced_shape

__all__ = ["ClassTargets"]


class ClassTargets:
    """One class index for each line of `scores` along `axis`, and how much each line counts.

    Nodes are appended when they are first asked for.

    Args:
        target: the class indices, of the shape of `scores` without `axis`.
        scores: the values of which one in each line is the target's.
        axis: the axis of the classes, counted from the front.
        weight: the factor of each class, [classes], in the dtype that `scores` are computed in; None: 1.
        ignore_index: the class index of lines that do not count; None: all do.
    """

    def __init__(self, target: Value, scores: Value, axis: int, weight: Value | None, ignore_index: int | None) -> None:
        self._target, self._scores, self._axis, self._weight = target, scores, axis, weight
        self._ignore_index = ignore_index

    @property
    def lines(self) -> tuple[Dim, ...]:
        """The shape of what there is one of for each line."""
        return self._target.shape

    @property
    def all_equal(self) -> bool:
        """Whether every line counts, and all count 1."""
        return self._weight is None and self._ignore_index is None

    @cached_property
    def _counted(self) -> Value | None:
        if self._ignore_index is None:
            return None
        return NotEqual.of(self._target, self._target.scalar(self._ignore_index))

    @cached_property
    def _classes(self) -> Value:
        """The indices with ignored ones at class 0, and other negative ones beyond the last.

        A gather refuses those; -1 it would take for the last class.
        """
        target, zero = self._target, self._target.scalar(0)
        if self._counted is not None:
            target = Where.of(self._counted, target, zero)
        outside = count_elements(self._scores, [self._axis], target.dtype)
        return Where.of(Less.of(target, zero), outside, target)

    @cached_property
    def indices(self) -> Value:
        """The indices in the shape of `scores` with `axis` at size 1."""
        return Reshape.of(self._classes, shape=reduced_shape(self._scores.shape, (self._axis,), keepdims=True))

    @cached_property
    def _weights(self) -> Value | None:
        """The weight of each line's class, also of those that do not count."""
        return None if self._weight is None else Take.of(self._weight, self._classes, axis=0)

    def masked(self, values: Value) -> Value:
        """One value for each line, 0 for those that do not count."""
        return values if self._counted is None else Where.of(self._counted, values, values.scalar(0.0))

    def masked_scores(self, values: Value) -> Value:
        """One value for each score, 0 in lines that do not count, whatever their scores are."""
        if self._counted is None:
            return values
        counted = Reshape.of(self._counted, shape=reduced_shape(self._scores.shape, (self._axis,), keepdims=True))
        return Where.of(counted, values, values.scalar(0.0))

    def weighted(self, values: Value) -> Value:
        """One value for each line, or one for all, times the weight of the line's class; 0 for those not counted."""
        return self.masked(values if self._weights is None else values * self._weights)

    def total(self) -> Value:
        """What a mean divides by, rank 0: the sum of the weights of the lines that count, or their number."""
        dtype = widened(self._scores.dtype)
        if self._weights is not None:
            return Sum.of(self.masked(self._weights))
        if self._counted is not None:
            return Astype.of(Sum.of(Astype.of(self._counted, dtype=DType.INT64)), dtype=dtype)
        return count_elements(self._target, range(self._target.rank), dtype)
