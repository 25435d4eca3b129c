"""Rules for attributes that are numbers of an operand's dtype."""

import math

from asg_schema.dtype import DType
from asg_schema.errors import RuleError

__all__ = ["check_eps", "check_overflow"]


def check_overflow(field: str, value: float, dtype: DType) -> None:
    """Refuse an attribute that is a finite number, but not one of a floating-point dtype.

    Raises:
        RuleError: naming the field.
    """
    if dtype.overflow <= abs(value) < math.inf:
        raise RuleError(f"{field} is {value}, which overflows the dtype of {{0}}", field=field)


def check_eps(eps: float, dtype: DType) -> None:
    """Refuse an attribute `eps`, a term that keeps a divisor from 0, that is negative, infinite or too large.

    Args:
        eps: the attribute.
        dtype: the floating-point dtype that it is added in.

    Raises:
        RuleError: naming the field.
    """
    if not 0 <= eps < math.inf:
        raise RuleError(f"eps is {eps}; a finite number of at least 0 is needed", field="eps")
    check_overflow("eps", eps, dtype)
