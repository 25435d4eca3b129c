"""Gradient rule of einsum: of each operand, an einsum of the cotangent and the other operands."""

from collections.abc import Mapping, Sequence
from string import ascii_letters

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.diagonals import embed_diagonal
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.ops.layout import BroadcastTo, PermuteDims, Reshape
from asg_schema.subscripts import label_sizes, parse_equation

__all__: list[str] = []


@rules.define(Einsum)
def _einsum(op: Einsum, at: Application) -> Cotangents:
    subscripts = parse_equation(op.equation, [operand.rank for operand in at.operands])
    sizes = label_sizes(subscripts, [operand.shape for operand in at.operands])
    letters = dict(zip(sizes, ascii_letters, strict=False))  # for the axes of an ellipsis, too
    cotangents: list[Value] = []
    for index, (operand, labels) in enumerate(zip(at.operands, subscripts.operands, strict=True)):
        factors = [at.g, *at.operands[:index], *at.operands[index + 1 :]]
        given = [subscripts.output, *subscripts.operands[:index], *subscripts.operands[index + 1 :]]
        own = dict(zip(labels, operand.shape, strict=True))
        known = {label for other in given for label in other}
        # An axis of size 1 that was repeated is summed over; one that nothing else has is put back with size 1.
        wanted = [label for label, size in own.items() if label in known and size == sizes[label]]
        summed = _contracted(factors, given, wanted, letters)
        dims = dict(zip(wanted, summed.shape, strict=True))
        unique = Reshape.of(summed, shape=tuple(dims.get(label, 1) for label in own))
        cotangents.append(unique if len(own) == len(labels) else _on_diagonals(unique, own, labels))
    return tuple(cotangents)


def _contracted(
    factors: Sequence[Value], labels: Sequence[Sequence[str]], wanted: Sequence[str], letters: Mapping[str, str]
) -> Value:
    """The factors multiplied, and summed over all labels that are not wanted."""
    if len(factors) == 1 and list(labels[0]) == list(wanted):
        return factors[0]
    terms = ["".join(letters[label] for label in term) for term in (*labels, wanted)]
    return Einsum.of(*factors, equation=f"{','.join(terms[:-1])}->{terms[-1]}")


def _on_diagonals(x: Value, sizes: Mapping[str, Dim], labels: Sequence[str]) -> Value:
    """What has an axis for each different label as an array with one for each label: 0 beside the diagonals."""
    value = BroadcastTo.of(x, shape=tuple(sizes.values()))
    present = list(sizes)
    for label in sizes:
        for _ in range(labels.count(label) - 1):
            axis = present.index(label)
            order = [other for other in range(value.rank) if other != axis]
            value = embed_diagonal(PermuteDims.of(value, axes=(*order, axis)))
            present = [*(present[other] for other in order), label, label]
    axes: list[int] = []
    for label in labels:
        axes.append(next(axis for axis, other in enumerate(present) if other == label and axis not in axes))
    return PermuteDims.of(value, axes=tuple(axes))
