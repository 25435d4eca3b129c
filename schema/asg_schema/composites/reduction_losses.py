"""Losses of classification: the negative log-likelihood and the cross-entropy, of many classes and of two.

With class indices each line along `axis` has one target, its class. Lines whose target is `ignore_index` do not count:
their loss is 0, they have no gradient, and the mean is taken without them. `weight` gives each class its factor; the
mean then divides by the sum of the factors of the targets that count. Over no lines that count the mean is 0 / 0, NaN.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis, Number
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.class_targets import ClassTargets
from asg_schema.composite import Composite
from asg_schema.composites.elementwise import Clip
from asg_schema.composites.reduction import LogSoftmax, Mean
from asg_schema.dims import Dim, format_shape
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import along_axis, count_elements, narrow, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.elementwise_functions import Log, Log1p
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum
from asg_schema.tensor_type import TensorType

__all__ = ["BinaryCrossEntropy", "CrossEntropy", "Nll"]

_WEIGHT = Operand("weight", differentiable=False, optional=True)


class _Loss(Composite):
    """A loss with a choice of what is returned of the single losses."""

    reduction: Literal["mean", "sum", "none"] = Field(
        default="mean", description="What becomes of the losses: their mean, their sum, or each by itself."
    )

    def _reduced(self, losses: Value) -> Value:
        if self.reduction == "none":
            return losses
        return Mean.of(losses) if self.reduction == "mean" else Sum.of(losses)


class _ClassificationLoss(_Loss):
    """A loss of lines along `axis`, one number for each class, against a target for each line."""

    axis: Axis = Field(default=-1, description="The axis of the classes.")
    ignore_index: Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)] | None = Field(
        default=None,
        description="A class index that marks lines that do not count; it may lie outside the axis. Absent: none does.",
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        scores, target, *weight = operands
        axis = self.axis_of(self.axis, scores.rank)
        lines = (*scores.shape[:axis], *scores.shape[axis + 1 :])
        self._check_target(target, scores, axis, lines)
        if weight and weight[0].shape != scores.shape[axis : axis + 1]:
            wanted = format_shape(scores.shape[axis : axis + 1])
            raise RuleError(f"{{2}} is the weight of each class; shape {wanted} is needed there", operand=2)
        return (TensorType(scores.dtype, lines if self.reduction == "none" else ()),)

    def _check_target(self, target: TensorType, scores: TensorType, axis: int, lines: tuple[Dim, ...]) -> None:
        """Refuse what is no target of class indices for these scores."""
        classes = scores.shape[axis]
        low, high = target.dtype.integer_range
        if target.shape != lines:
            raise RuleError(
                f"{{1}} holds class indices; the shape of {{0}} without axis {axis}, "
                f"{format_shape(lines)}, is needed there",
                operand=1,
            )
        if isinstance(classes, int) and classes > high:
            raise RuleError(f"{{1}} cannot tell {classes} classes apart; int64 is needed there", operand=1)
        if self.ignore_index is not None and not low <= self.ignore_index <= high:
            raise RuleError(
                f"ignore_index is {self.ignore_index}; for {{1}} an integer from {low} to {high} is needed",
                field="ignore_index",
            )

    def targets_of(self, operands: Sequence[Value]) -> ClassTargets:
        """The class indices among the operands, with what `weight` and `ignore_index` make of them."""
        scores, target, *weight = operands
        axis = self.axis_of(self.axis, scores.rank)
        return ClassTargets(target, scores, axis, widen(weight[0]) if weight else None, self.ignore_index)

    def _reduced_lines(self, losses: Value, targets: ClassTargets) -> Value:
        if self.reduction == "mean" and not targets.all_equal:
            return Sum.of(losses) / targets.total()
        return self._reduced(losses)


class Nll(_ClassificationLoss):
    """The negative log-likelihood -weight[target] · input[target] of each line along `axis`.

    `input` holds the logarithms of the probabilities of the classes; `target` class indices, of the input's shape
    without `axis`; `weight`, of shape [classes], the factor of each class, absent: 1. An index outside the axis, a
    negative one too, is an error when the program runs, unless it is `ignore_index`
    (`torch.nn.functional.nll_loss`, whose classes are on axis 1, and whose `ignore_index` is -100 if it is not given).

    The result has the dtype of `input`; with the reduction "none" its shape without `axis`, else rank 0.

    Gradient:
        input: -ḡ · weight[target] at the target of each line that counts, and 0 elsewhere; for the mean, ḡ is divided
            by the sum of weight[target] over the lines that count.
    """

    op: Literal["nll"] = "nll"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("input"),
        Operand("target", DTypeGroup.INDEX, variable="L", differentiable=False),
        _WEIGHT,
    )

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        logarithms = operands[0]
        targets = self.targets_of(operands)
        taken = TakeAlongAxis.of(widen(logarithms), targets.indices, axis=self.axis)
        losses = -targets.weighted(Reshape.of(taken, shape=targets.lines))
        return (narrow(self._reduced_lines(losses, targets), logarithms.dtype),)


class CrossEntropy(_ClassificationLoss):
    """The cross-entropy -Σ q · log_softmax(input) along `axis` between the softmax of `input` and the target's q.

    With a target of class indices (int32 or int64), of the input's shape without `axis`, q is 1 at the target and 0
    elsewhere; an index outside the axis, a negative one too, is an error when the program runs, unless it is
    `ignore_index`. With a target of probabilities, of the input's type, q is the target. `label_smoothing` ε turns q
    into (1 - ε) · q + ε / classes; `weight`, of shape [classes], then multiplies it, class by class. The mean over
    class indices divides by the sum of weight[target], the mean over probabilities by the number of lines
    (`torch.nn.functional.cross_entropy`, whose classes are on axis 1 and whose `ignore_index` is -100 where it is not
    given; label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016).

    The result has the dtype of `input`; with the reduction "none" its shape without `axis`, else rank 0.

    Gradient:
        input: ḡ · (softmax(input) · Σ q - q), with q as it stands after smoothing and weighting, 0 in lines that do not
            count; for the mean, ḡ is divided by what the mean divides by.
        target: where it holds probabilities, -ḡ · (1 - ε) · weight · log_softmax(input), with ḡ as above.
    """

    op: Literal["cross_entropy"] = "cross_entropy"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("input"),
        Operand("target", DTypeGroup.ANY, variable="L"),
        _WEIGHT,
    )
    label_smoothing: Number = Field(
        default=0.0, description="The share ε, from 0 to 1, of the target that is spread evenly over all classes."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not 0 <= self.label_smoothing <= 1:
            raise RuleError(
                f"label_smoothing is {self.label_smoothing}; a number from 0 to 1 is needed", field="label_smoothing"
            )
        return super().infer(operands)

    @override
    def _check_target(self, target: TensorType, scores: TensorType, axis: int, lines: tuple[Dim, ...]) -> None:
        if target.dtype in DTypeGroup.INDEX.value:
            return super()._check_target(target, scores, axis, lines)
        if not target.dtype.is_floating:
            raise RuleError(
                f"{{1}} is the target; class indices (int32 or int64) or probabilities "
                f"({scores.dtype.value}) are needed there",
                operand=1,
            )
        if target != scores:
            raise RuleError("{1} holds probabilities; the type of {0} is needed there", operand=1)
        if self.ignore_index is not None:
            raise RuleError(
                f"ignore_index is {self.ignore_index} and {{1}} holds probabilities; class indices are needed there",
                field="ignore_index",
            )
        return None

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        scores, target, *weight = operands
        logarithms = LogSoftmax.of(widen(scores), axis=self.axis)
        if target.dtype.is_floating:
            q = self.weighted(self.smoothed(widen(target)), operands)
            loss = self._reduced(-Sum.of(q * logarithms, axis=(self.axis,)))
        else:
            settings = {"axis": self.axis, "ignore_index": self.ignore_index, "reduction": self.reduction}
            loss = Nll.of(logarithms, target, *map(widen, weight), **settings)
            if self.label_smoothing:
                loss = loss * (1 - self.label_smoothing) + self._uniform_part(operands, logarithms)
        return (narrow(loss, scores.dtype),)

    def _uniform_part(self, operands: Sequence[Value], logarithms: Value) -> Value:
        """The part of the loss that is spread over all classes: ε / classes · -Σ weight · log_softmax(input)."""
        targets = self.targets_of(operands)
        losses = -targets.masked(Sum.of(self.weighted(logarithms, operands), axis=(self.axis,)))
        return self._reduced_lines(losses, targets) * self.share(logarithms)

    def share(self, scores: Value) -> Value:
        """ε / classes, rank 0: what label smoothing gives every class."""
        classes = count_elements(scores, [self.axis_of(self.axis, scores.rank)], scores.dtype)
        return classes.scalar(self.label_smoothing) / classes

    def smoothed(self, probabilities: Value) -> Value:
        """The target's probabilities after label smoothing."""
        if not self.label_smoothing:
            return probabilities
        return probabilities * (1 - self.label_smoothing) + self.share(probabilities)

    def weighted(self, values: Value, operands: Sequence[Value]) -> Value:
        """Values that broadcast with the scores, times the weight of their class if it is among the operands."""
        scores, _, *weight = operands
        if not weight:
            return values
        return values * along_axis(widen(weight[0]), self.axis_of(self.axis, scores.rank), scores.rank)


class BinaryCrossEntropy(_Loss):
    """The cross-entropy of two classes: -weight · (target · log(input) + (1 - target) · log(1 - input)).

    `input` holds probabilities of the first class, `target` those that it should have, in the input's shape; `weight`
    broadcasts to that shape and is 1 where it is absent. Either logarithm is held at -100 from below, so that a loss is
    at most 100 · weight; an input outside [0, 1] yields NaN. The mean divides by the number of elements
    (`torch.nn.functional.binary_cross_entropy`).

    The result has the dtype of `input`; with the reduction "none" its shape, else rank 0.

    Gradient:
        input: ḡ · weight · (input - target) / max(input · (1 - input), 1e-12), with ḡ divided for the mean by the
            number of elements. It is finite at 0 and 1, where the derivative of the expansion is not.
        target: ḡ · weight · (log(1 - input) - log(input)), with ḡ as above and both logarithms held at -100.
    """

    op: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("input"), Operand("target"), _WEIGHT)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        probabilities, target, *weight = operands
        if target.shape != probabilities.shape:
            raise RuleError("{1} is the target; the shape of {0} is needed there", operand=1)
        if weight and not _broadcasts_to(weight[0].shape, probabilities.shape):
            raise RuleError("{2} is the weight; a shape that broadcasts to that of {0} is needed there", operand=2)
        return (probabilities if self.reduction == "none" else TensorType(probabilities.dtype, ()),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        probabilities, target, *weight = map(widen, operands)
        of_first, of_second = self.logarithms(probabilities)
        losses = (target - 1.0) * of_second - target * of_first
        if weight:
            losses = losses * weight[0]
        return (narrow(self._reduced(losses), operands[0].dtype),)

    @staticmethod
    def logarithms(probabilities: Value) -> tuple[Value, Value]:
        """The logarithms of both classes' probabilities, at least -100."""
        return Clip.of(Log.of(probabilities), min=-100.0), Clip.of(Log1p.of(-probabilities), min=-100.0)


def _broadcasts_to(shape: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> bool:
    try:
        return broadcast_shapes((wanted, shape)) == wanted
    except RuleError:
        return False
