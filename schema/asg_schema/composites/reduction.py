"""Statistics over axes, normalisation, and the functions that share the shifted exponential.

float16 and bfloat16 operands are computed in float32 and rounded once at the end: a sum or a count in half precision
would overflow or lose its last digits.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis, Number, Shape
from asg_schema.bounds import check_overflow
from asg_schema.composite import Composite
from asg_schema.dims import format_shape
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import (
    count_elements,
    finite_maximum,
    narrow,
    widen,
    widened,
)
from asg_schema.op import Operand
from asg_schema.ops.elementwise import Maximum, StopGradient
from asg_schema.ops.elementwise_functions import Exp, Log, Rsqrt
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Max, Reduction, Sum, reduced_shape
from asg_schema.tensor_type import TensorType

__all__ = ["LayerNorm", "LogSoftmax", "Logsumexp", "Mean", "Softmax", "Var"]


class _FloatingReduction(Composite, Reduction):
    """A reduction of floating-point numbers."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)


class Mean(_FloatingReduction):
    """The arithmetic mean over `axis`: Σ x / n, where n is the number of elements; NaN over no elements.

    Gradient:
        x: ḡ / n, repeated along the reduced axes.
    """

    op: Literal["mean"] = "mean"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        wide = widen(x)
        total = Sum.of(wide, axis=self.axis, keepdims=self.keepdims)
        mean = total / count_elements(x, self.axes_of(self.axis, x.rank), wide.dtype)
        return (narrow(mean, x.dtype),)


class Var(_FloatingReduction):
    """The variance over `axis`: Σ (x - mean(x))² / max(n - correction, 0), where n is the number of elements.

    Computed in two passes, so that a large mean costs no accuracy. NaN where nothing is left to divide by and the sum
    is 0, as in NumPy and `torch.var`, and so over no elements.

    Gradient:
        x: 2 · ḡ · (x - mean(x)) / max(n - correction, 0).
    """

    op: Literal["var"] = "var"
    correction: Number = Field(
        default=0.0, description="What is taken from the number of elements; 1 for the unbiased variance of a sample."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.correction):
            raise RuleError(f"correction is {self.correction}; a finite number is needed", field="correction")
        check_overflow("correction", self.correction, widened(operands[0].dtype))
        return super().infer(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        wide = widen(x)
        deviation = wide - Mean.of(wide, axis=self.axis, keepdims=True)
        total = Sum.of(deviation * deviation, axis=self.axis, keepdims=self.keepdims)
        divisor = count_elements(x, self.axes_of(self.axis, x.rank), wide.dtype)
        if self.correction:
            divisor = Maximum.of(divisor - self.correction, divisor.scalar(0.0))
        return (narrow(total / divisor, x.dtype),)


class Logsumexp(_FloatingReduction):
    """log Σ exp(x) over `axis`, without overflow: m + log Σ exp(x - m), where m is the maximum.

    Where the maximum is infinite, m counts as 0, so that the result is that infinity and not NaN, as
    `scipy.special.logsumexp` has it; -inf over no elements.

    Gradient:
        x: ḡ · exp(x - y), with y the result, which counts as 0 where it is -inf: elements of -inf get 0. Where y is
            inf, elements of inf get NaN and all others 0.
    """

    op: Literal["logsumexp"] = "logsumexp"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        axes = self.axes_of(self.axis, x.rank)
        if any(x.shape[axis] == 0 for axis in axes):  # there is no maximum
            return (x.editor.full(reduced_shape(x.shape, axes, self.keepdims), -math.inf, x.dtype),)
        wide = widen(x)
        shift = finite_maximum(wide, self.axis)
        logarithm = Log.of(Sum.of(Exp.of(wide - shift), axis=self.axis, keepdims=self.keepdims))
        if not self.keepdims:
            shift = Reshape.of(shift, shape=reduced_shape(x.shape, axes, keepdims=False))
        return (narrow(logarithm + shift, x.dtype),)


class _AlongAxis(Composite):
    """The result has the operand's type, and is empty where the operand is."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    axis: Axis = Field(default=-1, description="The axis along which the function is taken.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        self.axis_of(self.axis, x.rank)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if x.shape[self.axis] == 0:  # there is no maximum, and nothing to compute
            return (x,)
        return (narrow(self._of_lines(self._shifted(widen(x))), x.dtype),)

    @abstractmethod
    def _of_lines(self, shifted: Value) -> Value:
        """The function of lines whose largest element is 0."""

    def _shifted(self, x: Value) -> Value:
        """The operand minus its maximum along the axis; the result of the function does not depend on the shift."""
        return x - StopGradient.of(Max.of(x, axis=(self.axis,), keepdims=True))


class Softmax(_AlongAxis):
    """exp(x) / Σ exp(x) along `axis`, computed from x minus its maximum, so that nothing overflows.

    A line that holds NaN or inf, or nothing but -inf, yields NaN, as `torch.nn.functional.softmax` has it.

    Gradient:
        x: y · (ḡ - Σ ḡ · y), with y the result and the sum along `axis`.
    """

    op: Literal["softmax"] = "softmax"

    @override
    def _of_lines(self, shifted: Value) -> Value:
        exponential = Exp.of(shifted)
        return exponential / Sum.of(exponential, axis=(self.axis,), keepdims=True)


class LogSoftmax(_AlongAxis):
    """x - log Σ exp(x) along `axis`: the logarithm of softmax, exact where softmax rounds to 0.

    Computed as s - log Σ exp(s) from s = x minus its maximum. A line that holds NaN or inf, or nothing but -inf, yields
    NaN, as `torch.nn.functional.log_softmax` has it.

    Gradient:
        x: ḡ - exp(y) · Σ ḡ, with y the result and the sum along `axis`.
    """

    op: Literal["log_softmax"] = "log_softmax"

    @override
    def _of_lines(self, shifted: Value) -> Value:
        return shifted - Log.of(Sum.of(Exp.of(shifted), axis=(self.axis,), keepdims=True))


class LayerNorm(Composite):
    """(x - mean) / sqrt(var + eps) · weight + bias, where mean and variance are taken over the last axes of x.

    Those axes must be `normalized_shape`, as must the shapes of `weight` and `bias`; the variance is divided by the
    number of elements (Ba, Kiros and Hinton, "Layer normalization", 2016; `torch.nn.functional.layer_norm`). The result
    has the type of x. A group of equal elements yields 0 · weight + bias where eps > 0.

    Gradient:
        Let n be (x - mean) / sqrt(var + eps) and w = ḡ · weight (ḡ where there is none); mean(…) is taken over the
        normalised axes. Then
        x: (w - mean(w) - n · mean(w · n)) / sqrt(var + eps).
        weight: Σ ḡ · n over all groups.
        bias: Σ ḡ over all groups.
    """

    op: Literal["layer_norm"] = "layer_norm"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x"),
        Operand("weight", optional=True),
        Operand("bias", optional=True),
    )
    normalized_shape: Shape = Field(description="The last axes of x, over which each group is normalised.")
    eps: Number = Field(default=1e-5, description="Added to the variance before its root is taken; finite, at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = operands[0]
        wanted = format_shape(self.normalized_shape)
        if not self.normalized_shape:
            raise RuleError("normalized_shape is empty; it names at least one axis", field="normalized_shape")
        if x.shape[-len(self.normalized_shape) :] != self.normalized_shape:
            raise RuleError(f"normalized_shape {wanted} is not the end of the shape of {{0}}", field="normalized_shape")
        for index, operand in enumerate(operands[1:], 1):
            if operand.shape != self.normalized_shape:
                raise RuleError(
                    f"{{{index}}} is the {self.operands[index].name}; shape {wanted} is needed there", operand=index
                )
        if not 0 <= self.eps < math.inf:
            raise RuleError(f"eps is {self.eps}; a finite number of at least 0 is needed", field="eps")
        check_overflow("eps", self.eps, widened(x.dtype))
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, *affine = operands
        axes = tuple(range(-len(self.normalized_shape), 0))
        wide = widen(x)
        deviation = wide - Mean.of(wide, axis=axes, keepdims=True)
        variance = Mean.of(deviation * deviation, axis=axes, keepdims=True)
        result = deviation * Rsqrt.of(variance + self.eps)
        if affine:
            result = result * widen(affine[0])
        if len(affine) == 2:
            result = result + widen(affine[1])
        return (narrow(result, x.dtype),)
