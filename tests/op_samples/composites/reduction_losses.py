"""Samples of the losses of classification: line by line, in plain loops and extended precision."""

import math
from typing import Any

import numpy as np

from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll
from asg_schema.op import Op
from op_samples.composites.reduction import log_softmax_of_line
from op_samples.sample import Array, Reference, Sample, expecting, floats, indices_of, spread

_NAN = math.nan
_WEIGHT = floats(0.5, 2.0, 1.25)
_PROBABILITIES = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])


def _target_of_line(target: Any, classes: int, ignored: int | None) -> tuple[list[float], float]:
    """What the target gives each class of a line, and by how much the line enters a mean."""
    if not isinstance(target, int):
        return list(target), 1.0
    counts = target != ignored
    return [float(counts and index == target) for index in range(classes)], float(counts)


def _classification(*, from_scores: bool, attributes: dict[str, Any]) -> Reference:
    axis, ignored = attributes.get("axis", -1), attributes.get("ignore_index")
    share, reduction = attributes.get("label_smoothing", 0.0), attributes.get("reduction", "mean")

    def reference(scores: Array, target: Array, weight: Array | None = None) -> Array:
        lines = np.moveaxis(scores, axis, -1).astype(np.longdouble)
        classes = lines.shape[-1]
        factors = [1.0] * classes if weight is None else weight.tolist()
        targets = np.moveaxis(target, axis, -1) if target.dtype.kind == "f" else target
        losses, divisor = np.zeros(lines.shape[:-1], np.longdouble), 0.0
        for index in indices_of(losses.shape):
            logarithms = log_softmax_of_line(lines[index]) if from_scores else lines[index]
            wanted, counts = _target_of_line(targets[index].tolist(), classes, ignored)
            divisor += counts if target.dtype.kind == "f" else sum(map(math.prod, zip(factors, wanted, strict=True)))
            for c in range(classes):
                q = (1 - share) * wanted[c] + share / classes * counts
                losses[index] -= q * factors[c] * logarithms[c]
        if reduction == "none":
            return losses.astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(losses.sum() / (np.float64(divisor) if reduction == "mean" else 1.0), np.float64)

    return reference


def _case(name: str, op: type[Op], operands: tuple[Array, ...], **attributes: Any) -> Sample:
    reference = _classification(from_scores=op is CrossEntropy, attributes=attributes)
    return Sample(f"{op.name}.{name}", op, operands, attributes, reference)


_BY_INDEX = [
    case
    for op in (Nll, CrossEntropy)
    for case in (
        _case("indices", op, (spread(3, 4), np.array([3, 0, 3]))),
        _case("indices_sum", op, (spread(3, 4), np.array([3, 0, 1], np.int32)), reduction="sum"),
        _case("indices_none", op, (spread(3, 4), np.array([3, 0, 1])), reduction="none"),
        _case("indices_first_axis", op, (spread(3, 2), np.array([2, 0])), axis=0),
        _case("indices_middle_axis", op, (spread(2, 3, 2), np.array([[2, 0], [1, 1]])), axis=1, reduction="none"),
        _case("indices_vector", op, (spread(4), np.array(2))),
        _case("weight", op, (spread(4, 3), np.array([2, 0, 1, 1]), _WEIGHT)),
        _case(
            "weight_sum_middle_axis",
            op,
            (spread(2, 3, 2), np.array([[2, 0], [1, 1]]), _WEIGHT),
            axis=1,
            reduction="sum",
        ),
        _case("ignored", op, (spread(4, 3), np.array([2, -100, 1, -100])), ignore_index=-100),
        _case("ignored_class", op, (spread(4, 3), np.array([2, 1, 1, 0], np.int32)), ignore_index=1, reduction="sum"),
        _case("ignored_none", op, (spread(3, 2), np.array([7, 2])), axis=0, ignore_index=7, reduction="none"),
        _case("weight_ignored", op, (spread(4, 3), np.array([2, -100, 1, 0]), _WEIGHT), ignore_index=-100),
        _case("weight_ignored_vector", op, (spread(3), np.array(1), _WEIGHT), ignore_index=0),
        Sample(
            f"{op.name}.all_ignored",
            op,
            (spread(2, 3), np.array([-1, -1])),
            {"ignore_index": -1},
            lambda scores, target: np.array(_NAN),
            differentiable=False,
        ),
        Sample(
            f"{op.name}.all_ignored_sum",
            op,
            (spread(2, 3), np.array([-1, -1])),
            {"ignore_index": -1, "reduction": "sum"},
            lambda scores, target: np.array(0.0),
        ),
        Sample(
            f"{op.name}.no_lines",
            op,
            (np.zeros((0, 3)), np.zeros(0, np.int64)),
            {"reduction": "sum"},
            lambda scores, target: np.array(0.0),
        ),
    )
]
_OF_SCORES = [
    _case("probabilities", CrossEntropy, (spread(2, 3), _PROBABILITIES)),
    _case(
        "probabilities_sum_first_axis", CrossEntropy, (spread(3, 2), _PROBABILITIES.T.copy()), axis=0, reduction="sum"
    ),
    _case("probabilities_none", CrossEntropy, (spread(2, 3), _PROBABILITIES), reduction="none"),
    _case("probabilities_weight", CrossEntropy, (spread(2, 3), _PROBABILITIES, _WEIGHT)),
    _case("probabilities_smoothed", CrossEntropy, (spread(2, 3), _PROBABILITIES), label_smoothing=0.2),
    _case(
        "probabilities_weight_smoothed_middle_axis",
        CrossEntropy,
        (spread(2, 3, 2), spread(2, 3, 2, low=0.0, high=1.0), _WEIGHT),
        axis=-2,
        label_smoothing=0.2,
        reduction="none",
    ),
    _case("smoothed", CrossEntropy, (spread(4, 3), np.array([2, 0, 1, 1])), label_smoothing=0.1),
    _case("smoothed_whole", CrossEntropy, (spread(2, 3), np.array([2, 0])), label_smoothing=1.0, reduction="sum"),
    _case("smoothed_vector", CrossEntropy, (spread(3), np.array(2)), label_smoothing=0.3, reduction="none"),
    _case(
        "smoothed_ignored", CrossEntropy, (spread(3, 3), np.array([2, -100, 1])), label_smoothing=0.1, ignore_index=-100
    ),
    _case(
        "smoothed_weight_ignored_first_axis",
        CrossEntropy,
        (spread(3, 4), np.array([2, 5, 1, 0]), _WEIGHT),
        axis=0,
        label_smoothing=0.1,
        ignore_index=5,
    ),
    _case(
        "smoothed_weight_ignored_sum",
        CrossEntropy,
        (spread(2, 3, 2), np.array([[2, 0], [1, 1]]), _WEIGHT),
        axis=1,
        label_smoothing=0.1,
        ignore_index=0,
        reduction="sum",
    ),
    _case(
        "smoothed_weight_ignored_none",
        CrossEntropy,
        (spread(4, 3), np.array([2, -9, 1, 0]), _WEIGHT),
        label_smoothing=0.1,
        ignore_index=-9,
        reduction="none",
    ),
    Sample(
        "cross_entropy.large_scores",
        CrossEntropy,
        (np.array([[1000.0, 0.0]]), np.array([1])),
        {"reduction": "none"},
        expecting(1000.0),
    ),
    # What does not count may hold anything.
    Sample(
        "cross_entropy.ignored_infinite",
        CrossEntropy,
        (np.array([[_NAN, 0.0], [-math.inf, 0.0], [0.0, 0.0]]), np.array([-1, -1, 0])),
        {"ignore_index": -1},
        lambda scores, target: np.array(math.log(2.0)),
        differentiable=False,
    ),
]


def _binary(reduction: str) -> Reference:
    def reference(probabilities: Array, target: Array, weight: Array | None = None) -> Array:
        factors = np.broadcast_to(1.0 if weight is None else weight, probabilities.shape)
        losses = np.empty(probabilities.shape)
        for index in indices_of(losses.shape):
            p, t = probabilities[index].item(), target[index].item()
            first, second = (max(math.log(x), -100.0) if x else -100.0 for x in (p, 1 - p))
            losses[index] = -factors[index] * (t * first + (1 - t) * second)
        if reduction == "none":
            return losses
        total = math.fsum(losses.ravel().tolist())
        return np.array(total / losses.size if reduction == "mean" else total)

    return reference


def _binary_case(name: str, *operands: Array, differentiable: bool = True, **attributes: str) -> Sample:
    reference = _binary(attributes.get("reduction", "mean"))
    return Sample(f"binary_cross_entropy.{name}", BinaryCrossEntropy, operands, attributes, reference, differentiable)


def _probabilities(*shape: int) -> Array:
    return spread(*shape, low=0.0, high=1.0)


_BINARY = [
    _binary_case("mean", _probabilities(2, 3), 1 - _probabilities(2, 3)),
    _binary_case("sum", _probabilities(2, 3), _PROBABILITIES, reduction="sum"),
    _binary_case("none", _probabilities(2, 3), _PROBABILITIES, reduction="none"),
    _binary_case("rank_0", np.array(0.25), np.array(1.0)),
    _binary_case("weight", _probabilities(2, 3), _PROBABILITIES, _WEIGHT),
    _binary_case("weight_none", _probabilities(2, 3), _PROBABILITIES, np.array([[2.0], [0.5]]), reduction="none"),
    _binary_case("no_elements", np.zeros((0, 3)), np.zeros((0, 3)), reduction="sum"),
    _binary_case(
        "certain", floats(0.0, 0.0, 1.0, 1.0), floats(0.0, 1.0, 0.0, 1.0), differentiable=False, reduction="none"
    ),
    # Probabilities that no float32 holds, whose logarithm is below -100.
    _binary_case("tiny", floats(1e-60, 1e-60), floats(1.0, 0.5), differentiable=False, reduction="none"),
    Sample(
        "binary_cross_entropy.no_probability",
        BinaryCrossEntropy,
        (floats(-0.5, 1.5, _NAN), floats(1.0, 0.0, 0.5)),
        {"reduction": "none"},
        expecting(_NAN, _NAN, _NAN),
        differentiable=False,
    ),
]

SAMPLES: list[Sample] = [*_BY_INDEX, *_OF_SCORES, *_BINARY]
