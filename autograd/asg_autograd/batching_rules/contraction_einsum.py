"""Batching rule of einsum: the mapped axis is a further label."""

from collections import Counter
from string import ascii_letters

from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.subscripts import MOST_LABELS, parse_equation

__all__: list[str] = []

_LONGEST_EQUATION = 1024


@batching.define(Einsum)
def _einsum(op: Einsum, at: Batched) -> Results | None:
    subscripts = parse_equation(op.equation, [at.rank(index) for index in range(len(at.operands))])
    if len({label for labels in subscripts.operands for label in labels}) == MOST_LABELS:
        return None
    label = next(letter for letter in ascii_letters if letter not in op.equation)
    left, arrow, right = op.equation.replace(" ", "").partition("->")
    terms = left.split(",")
    result = right if arrow else _implied_result(terms)
    mapped = [label + term if is_mapped else term for term, is_mapped in zip(terms, at.mapped, strict=True)]
    equation = f"{','.join(mapped)}->{label}{result}"
    return at.again(*at.operands, equation=equation) if len(equation) <= _LONGEST_EQUATION else None


def _implied_result(terms: list[str]) -> str:
    """The labels of a result that the equation does not name."""
    ellipsis = "..." if any("..." in term for term in terms) else ""
    counts = Counter("".join(terms).replace(".", ""))
    return ellipsis + "".join(sorted(label for label, count in counts.items() if count == 1))
