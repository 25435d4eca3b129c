"""What a random document grows by: one op or a few, for which it is known by how much engines may differ.

What is not continuous, such as a comparison, is applied only to what is the same in every engine; through what has a
kink, such as a maximum, no derivative passes but there.
"""

from collections.abc import Callable
from typing import TypeAlias

from executor.native.growing_document import GrowingDocument
from executor.native.growth_across_elements import (
    addition_at,
    along_an_axis,
    extreme,
    lookup,
    order,
    place_of_extreme,
    product,
    reduction,
    sum_of_integers,
    windows,
)
from executor.native.growth_of_elements import (
    arithmetic,
    choice,
    comparison,
    conversion,
    copy,
    drawing,
    function,
    integers,
    logic,
    step_function,
    view,
)

__all__ = ["GROWTHS"]

Growth: TypeAlias = Callable[[GrowingDocument], None]

GROWTHS: list[Growth] = [
    *(function, function, arithmetic, arithmetic, arithmetic, view, view, reduction, reduction, product),
    *(choice, step_function, comparison, logic, integers, conversion, copy, extreme, place_of_extreme),
    *(sum_of_integers, along_an_axis, order, windows, lookup, addition_at, drawing),
]
"""Each as likely as any other; some stand here more than once."""
