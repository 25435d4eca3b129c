"""The losses, each with operands at which it is smooth and with every option: what the tests of losses run over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses
from asg_builder.arrays import dtype_of
from asg_schema.document import Document
from builder_harness.evaluation import Array

__all__ = ["CASES", "REDUCTIONS", "LossCase", "document_of"]

REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class LossCase:
    """A loss of given operands.

    Attributes:
        name: the loss's function in `asg_builder.losses`.
        operands: its tensors, in order; floating-point ones are float64.
        options: its keyword arguments but for the reduction; arrays among them become inputs of the graph too.
        constant: the places of floating-point operands by which there is no derivative.
    """

    name: str
    operands: tuple[Array, ...]
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    constant: tuple[int, ...] = ()

    @property
    def function(self) -> Callable[..., asg.Tensor]:
        """The function of the builder."""
        return getattr(losses, self.name)

    @property
    def id(self) -> str:
        """What the case is called."""
        shown = [f"{key}_{'given' if isinstance(value, np.ndarray) else value}" for key, value in self.options.items()]
        kinds = [array.dtype.name for array in self.operands if array.dtype != np.float64]
        return ".".join([self.name, *([f"of_{len(self.operands)}"] if len(self.operands) > 2 else []), *kinds, *shown])

    @property
    def arrays(self) -> dict[str, Array]:
        """The inputs of the case's document."""
        given: dict[str, Array] = {key: value for key, value in self.options.items() if isinstance(value, np.ndarray)}
        return {**{f"x{index}": array for index, array in enumerate(self.operands)}, **given}

    @property
    def wrt(self) -> list[str]:
        """The inputs by which the loss is differentiated."""
        return [
            name
            for name, array in self.arrays.items()
            if array.dtype == np.float64 and name not in [f"x{index}" for index in self.constant]
        ]


def document_of(case: LossCase, reduction: str, *, symbolic: bool = False) -> Document:
    """The loss as output `loss`, its weighted sum as output `total`, and the gradients of `total`.

    With "none" the weights are 1, 2, 3, …; else the loss is one number.
    """
    with asg.graph(case.id) as g:
        tensors = {
            name: asg.input(
                name,
                [f"n{size}" if size > 1 else size for size in array.shape] if symbolic else array.shape,
                dtype_of(array),
            )
            for name, array in case.arrays.items()
        }
        operands = [tensors[f"x{index}"] for index in range(len(case.operands))]
        loss = case.function(*operands, **{**case.options, **_given(tensors)}, reduction=reduction)
        weights = asg.input("weights", loss.shape, "float64")
        g.output(loss=loss, total=asg.sum(loss * weights))
    return grad(g.document(), of="total", wrt=case.wrt)


def _given(tensors: dict[str, asg.Tensor]) -> dict[str, asg.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name[1:].isdigit()}


def _floats(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape) * 1.5


def _probabilities(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).uniform(0.05, 0.95, shape)


def _normalized(seed: int, *shape: int) -> Array:
    values = _probabilities(seed, *shape)
    return values / values.sum(-1, keepdims=True)


_X, _Y = _floats(1, 3, 4), _floats(2, 3, 4)
_BITS = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1]])
_SIGNS = 2 * _BITS - 1
_CLASSES = np.array([3, 0, 1])
_PAIR_SIGNS = np.array([1, -1, -1])
_A, _P, _N = _floats(3, 3, 5), _floats(4, 3, 5), _floats(5, 3, 5)
_CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 1.5])

_REGRESSION = [
    LossCase("mse", (_X, _Y)),
    LossCase("mse", (_X, _BITS)),
    LossCase("l1", (_X, _Y)),
    LossCase("smooth_l1", (_X, _Y)),
    LossCase("smooth_l1", (_X, _Y), {"beta": 2.5}),
    LossCase("smooth_l1", (_X, _Y), {"beta": 0.0}),
    LossCase("huber", (_X, _Y)),
    LossCase("huber", (_X, _Y), {"delta": 0.5}),
]
_OF_CLASSES = [
    LossCase(name, (scores, classes, *weight), options, constant=(2,))
    for name, scores in (("cross_entropy", _X), ("nll", np.log(_normalized(6, 3, 4))))
    for classes, weight, options in (
        (_CLASSES, (), {}),
        (_CLASSES.astype(np.int32), (), {}),
        (np.array([3, -100, 1]), (), {"ignore_index": -100}),
        (_CLASSES, (_CLASS_WEIGHT,), {}),
        (_CLASSES, (_CLASS_WEIGHT,), {"ignore_index": 0}),
        *([(_CLASSES, (), {"label_smoothing": 0.1})] if name == "cross_entropy" else []),
        *(
            [(np.array([3, -100, 1]), (_CLASS_WEIGHT,), {"label_smoothing": 0.1, "ignore_index": -100})]
            if name == "cross_entropy"
            else []
        ),
    )
]
_OF_DISTRIBUTIONS = [
    LossCase("cross_entropy", (_X, _normalized(7, 3, 4))),
    LossCase("cross_entropy", (_X, _normalized(7, 3, 4), _CLASS_WEIGHT), {"label_smoothing": 0.2}, constant=(2,)),
    LossCase("kl_divergence", (np.log(_normalized(6, 3, 4)), _normalized(7, 3, 4))),
    LossCase("kl_divergence", (np.log(_normalized(6, 3, 4)), np.log(_normalized(7, 3, 4))), {"log_target": True}),
]
_OF_TWO_CLASSES = [
    LossCase("binary_cross_entropy", (_probabilities(8, 3, 4), _probabilities(9, 3, 4))),
    LossCase("binary_cross_entropy", (_probabilities(8, 3, 4), _BITS)),
    LossCase("binary_cross_entropy", (_probabilities(8, 3, 4), _BITS == 1, _CLASS_WEIGHT), constant=(2,)),
    LossCase("bce_with_logits", (_X, _probabilities(9, 3, 4))),
    LossCase("bce_with_logits", (_X, _BITS)),
    LossCase("bce_with_logits", (_X, _BITS, _CLASS_WEIGHT)),
    LossCase("bce_with_logits", (_X, _probabilities(9, 3, 4)), {"pos_weight": _CLASS_WEIGHT}),
    LossCase("bce_with_logits", (_X, _BITS, np.array([[0.5], [1.5], [2.0]])), {"pos_weight": _CLASS_WEIGHT}),
    LossCase("focal", (_X, _BITS)),
    LossCase("focal", (_X, _probabilities(9, 3, 4)), {"alpha": None, "gamma": 1.5}),
    LossCase("focal", (_X, _BITS), {"alpha": 0.7, "gamma": 0.0}),
    LossCase("focal", (_X, _BITS), {"alpha": None, "gamma": 0.5}),
    LossCase("hinge", (_X, _SIGNS)),
    LossCase("squared_hinge", (_X, _SIGNS)),
]
_OF_PAIRS = [
    LossCase("cosine_embedding", (_A, _P, _PAIR_SIGNS)),
    LossCase("cosine_embedding", (_A, _P, np.array([-1, -1, 1], np.int8)), {"margin": -0.5}),
    LossCase("cosine_embedding", (_A[0], _P[0], np.array(-1)), {"margin": -1.0}),
    LossCase("margin_ranking", (_X[0], _Y[0], np.array([1, -1, -1, 1]))),
    LossCase("margin_ranking", (_X, _Y, _SIGNS), {"margin": 0.75}),
    *(
        LossCase("triplet_margin", (_A, _P, _N), options)
        for options in (
            {},
            {"margin": 4.0},
            {"p": 1.0, "margin": 4.0},
            {"p": 3.5, "eps": 0.01, "margin": 2.0},
            {"p": inf, "margin": 3.0},
            {"swap": True, "margin": 6.0},
        )
    ),
    LossCase("triplet_margin", (_A[0], _P[0], _N[0]), {"margin": 5.0}),
]

CASES = [*_REGRESSION, *_OF_CLASSES, *_OF_DISTRIBUTIONS, *_OF_TWO_CLASSES, *_OF_PAIRS]
"""Every loss with every option."""
