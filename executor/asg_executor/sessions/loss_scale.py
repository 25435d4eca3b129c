"""The loss scale: what the gradients of a step are multiplied by while they are in 16 bits, and how it follows them.

In float16 a gradient below 2⁻²⁵ becomes 0. A step with an input of the role `loss_scale` computes gradients that are
multiplied by it; the session divides by it before clipping and the update, in float32. A scale that is too large shows
itself by gradients that are not finite: such a step changes nothing, and the scale becomes smaller.
"""

import math
from collections.abc import Container

import numpy as np

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.sessions.errors import SessionError
from asg_executor.sessions.graph_set import TRAIN, GraphSet
from asg_executor.sessions.precision import LossScaling, MixedPrecision, Precision
from asg_schema.document import Document, Input
from asg_schema.errors import Problem
from asg_schema.ops.creation import Full
from asg_schema.roles import GradientRole, LossScaleRole
from asg_schema.traversal import dependents, node_of

__all__ = ["LossScaler", "loss_scale_input", "loss_scaler", "refuse_loss_scale", "scale_value", "scaled_gradients"]

_SMALLEST = 2.0**-126  # of a normal float32: a scale of 0 could never grow again
_LARGEST = float(np.finfo(np.float32).max)


class LossScaler:
    """A session's loss scale, and how many steps in a row had finite gradients since it last changed.

    Args:
        settings: how it follows the gradients.

    Attributes:
        state: the arrays that a step changes, of rank 0, by name: `loss_scale`, float32, and `finite_steps`, int64.
    """

    def __init__(self, settings: LossScaling) -> None:
        self._settings = settings
        self._scale = np.zeros((), np.float32)
        self._finite_steps = np.zeros((), np.int64)
        self.state = {"loss_scale": self._scale, "finite_steps": self._finite_steps}
        self.begin_anew()

    def begin_anew(self) -> None:
        """Make it what it is before the first step."""
        self._scale[()] = self._settings.init_scale
        self._finite_steps[()] = 0

    @property
    def scale(self) -> Array:
        """The scale: an array of rank 0, float32, which is changed in place."""
        return self._scale

    def back_off(self) -> None:
        """Make the scale smaller, after a step whose gradients were not all finite."""
        self._scale[()] = max(float(self._scale) * self._settings.backoff_factor, _SMALLEST)
        self._finite_steps[()] = 0

    def count_finite(self) -> None:
        """Count a step with finite gradients. After enough of them the scale grows, while float32 holds it."""
        self._finite_steps[()] += 1
        if int(self._finite_steps) < self._settings.growth_interval:
            return
        grown = float(self._scale) * self._settings.growth_factor
        if grown <= _LARGEST:
            self._scale[()] = grown
        self._finite_steps[()] = 0


def loss_scale_input(document: Document) -> Input | None:
    """The input that is the loss scale, if there is one."""
    return next((item for item in document.inputs if isinstance(item.role, LossScaleRole)), None)


def scale_value(item: Input, scale: float) -> Array:
    """The loss scale as the value of its input: infinite where the input's dtype does not hold it."""
    with np.errstate(over="ignore"):
        return np.array(scale, np.float64).astype(numpy_dtype(item.dtype))


def refuse_loss_scale(item: Input, given: Container[str]) -> None:
    """Refuse that a caller gives the loss scale, which is the session's own.

    Args:
        item: the input that is the loss scale.
        given: the ids of the inputs that have a value.

    Raises:
        InterfaceError: it is among them.
    """
    if item.id in given:
        raise InterfaceError(f'input "{item.id}" is the loss scale, which the session gives; leave it out')


def scaled_gradients(document: Document) -> frozenset[str]:
    """The names of the outputs that are gradients multiplied by the loss scale."""
    item = loss_scale_input(document)
    if item is None:
        return frozenset()
    reached = dependents(document, [item.id])
    return frozenset(
        output.name
        for output in document.outputs
        if isinstance(output.role, GradientRole) and node_of(output.value) in reached
    )


def loss_scaler(graphs: GraphSet, precision: Precision) -> LossScaler | None:
    """The loss scaler of a new session; None where nothing is scaled.

    Args:
        graphs: the session's graphs.
        precision: its precision.

    Raises:
        SessionError: there is nothing to scale, though settings say how, or only some gradients are scaled.
    """
    if not isinstance(precision, MixedPrecision):
        return None
    train = graphs.graphs.get(TRAIN)
    if train is None or loss_scale_input(train) is None:
        if precision.loss_scaling is not None:
            message = f'"{TRAIN}" has no input with the role loss_scale; one as `grad` adds with loss_scale is needed'
            raise SessionError([Problem("/precision/loss_scaling", "nothing_to_scale", message)])
        return None
    _refuse_unscaled_gradients(graphs, train)
    return LossScaler(precision.loss_scaling or LossScaling())


def _refuse_unscaled_gradients(graphs: GraphSet, train: Document) -> None:
    """All gradients are divided by the scale; one that was not multiplied by it has to be 0."""
    scaled = scaled_gradients(train)
    zeros = {node.id for node in train.nodes if isinstance(node, Full) and math.fabs(node.value) == 0}
    values = {output.name: output.value for output in train.outputs}
    problems = [
        Problem(
            f"/graphs/{TRAIN}",
            "unscaled_gradient",
            f'the output "{output}" is the gradient with respect to "{name}" and does not depend on the loss scale, as '
            "all that are divided by it have to",
        )
        for name, output in graphs.gradients.items()
        if output not in scaled and values[output] not in zeros
    ]
    if problems:
        raise SessionError(problems)
