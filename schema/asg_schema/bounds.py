"""Rules for attributes that are numbers of an operand's dtype."""

import math

from asg_schema.dtype import DType
from asg_schema.errors import RuleError

__all__ = ["check_overflow"]


def check_overflow(field: str, value: float, dtype: DType) -> None:
    """Refuse an attribute that is a finite number, but not one of a floating-point dtype.

    Raises:
        RuleError: naming the field.
    """
    if dtype.overflow <= abs(value) < math.inf:
        raise RuleError(f"{field} is {value}, which overflows the dtype of {{0}}", field=field)
