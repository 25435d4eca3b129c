"""What tangent rules share: the rules of whole kinds of ops."""

from collections.abc import Sequence

from asg_autograd.rules import Application, rules
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents
from asg_schema.editing import Value
from asg_schema.op import Op

__all__ = ["applied", "jointly_linear", "multilinear", "symmetric", "times", "unmoved"]


def times(tangent: Value | None, factor: Value) -> Value | None:
    """A tangent times a factor; zero stays zero."""
    return None if tangent is None else tangent * factor


def applied(op: Op, operands: Sequence[Value]) -> Value:
    """The first result of an op with the attributes of `op` on other operands."""
    return type(op).of(*operands, **{name: getattr(op, name) for name in op.attributes})


def unmoved(op: Op, at: Perturbation) -> Tangents:
    """For a function that is constant but for its jumps: the tangent is zero."""
    return (None,) * len(at.results)


def multilinear(op: Op, at: Perturbation) -> Tangents:
    """For an op that is linear in each of its differentiable operands by itself: the product rule.

    One operand after the other is replaced by its tangent. An op with one such operand is applied to the tangent.
    """
    terms = (
        None if tangent is None else applied(op, (*at.operands[:index], tangent, *at.operands[index + 1 :]))
        for index, tangent in enumerate(at.tangents)
    )
    return (total(*terms),)


def jointly_linear(op: Op, at: Perturbation) -> Tangents:
    """For an op that is linear in all its floating-point operands together: it is applied to their tangents."""
    moved: list[Value] = []
    for operand, tangent in zip(at.operands, at.tangents, strict=True):
        if tangent is not None:
            moved.append(tangent)
        elif operand.dtype.is_floating:
            moved.append(operand.editor.full(operand.shape, 0.0, operand.dtype))
        else:
            moved.append(operand)
    return (applied(op, moved),)


def symmetric(op: Op, at: Perturbation) -> Tangents:
    """For an op of one operand whose Jacobian is symmetric, as that of an element-wise function, which is diagonal.

    The Jacobian times the tangent is then what the gradient rule yields for the tangent as cotangent; so both have the
    same formula, and the same edges.
    """
    return rules[type(op)](op, Application(at.operands, at.results, at.tangents))
