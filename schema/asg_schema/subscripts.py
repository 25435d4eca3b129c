"""Equations of `einsum`: which axis of which operand bears which label.

The axes that an ellipsis stands for bear labels that no equation can name: `.1` the last, `.2` the last but one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from asg_schema.dims import Dim
from asg_schema.errors import RuleError
from asg_schema.wire import show_value

__all__ = ["MOST_LABELS", "Subscripts", "label_sizes", "parse_equation"]

MOST_LABELS = 52
"""How many different axes an equation may speak of: as many as there are letters."""

_ELLIPSIS = "..."


class Subscripts(NamedTuple):
    """The labels of the axes.

    Attributes:
        operands: for each operand a label for each of its axes; one may stand twice.
        output: a label for each axis of the result, each once.
    """

    operands: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]


def parse_equation(equation: str, ranks: Sequence[int]) -> Subscripts:
    """The labels that an equation gives to operands of these ranks.

    Without an arrow the result has the axes of the ellipses, and then those of every letter that stands once, in ASCII
    order.

    Raises:
        RuleError: the equation is not one, or not for operands of these ranks.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    for term in (*terms, right):
        letters = term.replace(_ELLIPSIS, "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise _fault(equation, f'has {show_value(term)}; letters and at most one "..." are needed there')
    if len(terms) != len(ranks):
        raise _fault(equation, f"is for {len(terms)} operands; {len(ranks)} are given")
    operands = tuple(_labels(term, rank, index) for index, (term, rank) in enumerate(zip(terms, ranks, strict=True)))
    used = Counter(label for labels in operands for label in labels)
    if len(used) > MOST_LABELS:
        raise _fault(equation, f"speaks of {len(used)} different axes; at most {MOST_LABELS} are allowed")
    hidden = tuple(sorted((label for label in used if label[0] == "."), key=lambda label: -int(label[1:])))
    if not arrow:
        return Subscripts(
            operands, (*hidden, *sorted(label for label, count in used.items() if count == 1 and label.isalpha()))
        )
    before, ellipsis, behind = right.partition(_ELLIPSIS)
    output = (*before, *(hidden if ellipsis else ()), *behind)
    for label, count in Counter(output).items():
        if label not in used:
            raise _fault(equation, f'has "{label}" in its result and in no operand')
        if count > 1:
            raise _fault(equation, f'has "{label}" twice in its result')
    return Subscripts(operands, output)


def _fault(equation: str, what: str) -> RuleError:
    return RuleError(f"equation {show_value(equation)} {what}", field="equation")


def _labels(term: str, rank: int, index: int) -> tuple[str, ...]:
    """One label for each axis of an operand."""
    before, ellipsis, behind = term.partition(_ELLIPSIS)
    hidden = rank - len(before) - len(behind)
    if hidden < 0 or (hidden and not ellipsis):
        named = f"at least {len(before + behind)}" if ellipsis else str(len(before))
        raise RuleError(f'{{{index}}} has {rank} axes and its subscripts "{term}" name {named}', operand=index)
    return (*before, *(f".{place}" for place in range(hidden, 0, -1)), *behind)


def label_sizes(subscripts: Subscripts, shapes: Sequence[tuple[Dim, ...]]) -> dict[str, Dim]:
    """The size of each label: that of the axes that bear it, of which those of size 1 broadcast.

    Raises:
        RuleError: two axes of one label differ, and neither is 1 or both are of one operand.
    """
    sizes: dict[str, Dim] = {}
    origins: dict[str, int] = {}
    for index, (labels, shape) in enumerate(zip(subscripts.operands, shapes, strict=True)):
        for label, size in _sizes_of_operand(labels, shape, index).items():
            known = sizes.get(label, 1)
            if known != 1 and size not in (1, known):
                what = f'"{label}"' if label.isalpha() else f"axis -{label[1:]} of the ellipsis"
                raise RuleError(
                    f"{what} is {known} in {{{origins[label]}}} and {size} in {{{index}}}; {known} or 1 is needed "
                    "there",
                    operand=index,
                )
            if known == 1:
                sizes[label], origins[label] = size, index
    return sizes


def _sizes_of_operand(labels: tuple[str, ...], shape: tuple[Dim, ...], index: int) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for label, size in zip(labels, shape, strict=True):
        if sizes.setdefault(label, size) != size:
            raise RuleError(
                f'"{label}" stands for axes of sizes {sizes[label]} and {size} of {{{index}}}; a diagonal needs equal '
                "sizes",
                operand=index,
            )
    return sizes
