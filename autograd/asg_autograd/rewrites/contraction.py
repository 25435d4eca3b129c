"""Rewrites of matrix products and of sums of products: who only transposes for them lets them read in another order."""

from collections.abc import Sequence
from string import ascii_letters

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.layout import PermuteDims
from asg_schema.subscripts import Subscripts, parse_equation

__all__: list[str] = []


@rewrite(PermuteDims, of=(Matmul,))
def transpose_of_product(node: PermuteDims, at: Candidate) -> Value | None:
    """Rewrite (AᵀB)ᵀ as BᵀA, and (ABᵀ)ᵀ as BAᵀ.

    Requires operands with at least two axes, one of them transposed, and a product without another use, which would be
    computed beside the new one.
    """
    definition = at.definition(at.x)
    if not _exchanges_last_two(node) or not isinstance(definition, Matmul) or at.editor.is_used(at.x):
        return None
    a, b = map(at.editor.value, definition.inputs)
    transposed = any(_exchanges_last_two(at.definition(operand)) for operand in (a, b))
    if a.rank < 2 or b.rank < 2 or not transposed:
        return None
    return _exchange_last_two(b) @ _exchange_last_two(a)


def _exchanges_last_two(definition: Op | None) -> bool:
    if not isinstance(definition, PermuteDims):
        return False
    rank = len(definition.axes)
    axes = tuple(axis % rank for axis in definition.axes)
    return rank >= 2 and axes == (*range(rank - 2), rank - 1, rank - 2)


def _exchange_last_two(x: Value) -> Value:
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


@rewrite(Einsum, of=(PermuteDims,))
def einsum_of_permutation(node: Einsum, at: Candidate) -> Value | None:
    """An einsum labels the axes of what was permuted as they stood before."""
    subscripts = parse_equation(node.equation, [operand.rank for operand in at.operands])
    operands, labels = list(at.operands), list(subscripts.operands)
    for index, operand in enumerate(operands):
        definition = at.definition(operand)
        if isinstance(definition, PermuteDims):
            axes = [axis % operand.rank for axis in definition.axes]
            operands[index] = at.editor.value(definition.inputs[0])
            labels[index] = tuple(labels[index][axes.index(axis)] for axis in range(operand.rank))
    return Einsum.of(*operands, equation=_equation(labels, subscripts.output))


@rewrite(PermuteDims, of=(Einsum,))
def permutation_of_einsum(node: PermuteDims, at: Candidate) -> Value | None:
    """An einsum puts the axes of its result in the order in which they are wanted.

    Requires that the einsum has no other use, for which it would be computed beside the new one.
    """
    definition = at.definition(at.x)
    if not isinstance(definition, Einsum) or at.editor.is_used(at.x):
        return None
    operands = [at.editor.value(reference) for reference in definition.inputs]
    subscripts = parse_equation(definition.equation, [operand.rank for operand in operands])
    output = tuple(subscripts.output[axis] for axis in node.axes)
    return Einsum.of(*operands, equation=_equation(subscripts.operands, output))


@rewrite(Einsum)
def einsum_of_two_matrices(node: Einsum, at: Candidate) -> Value | None:
    """An einsum that is a plain product of matrices, […, m, k] by […, k, n] or [k, n], is a `matmul`.

    Requires the same axes before the matrices, at least single precision, which an einsum always computes in, and
    operands that are not permuted, which an einsum reads as they were before.
    """
    if len(at.operands) != 2 or at.result.dtype.itemsize < 4:
        return None
    if any(isinstance(at.definition(operand), PermuteDims) for operand in at.operands):
        return None
    subscripts = parse_equation(node.equation, [operand.rank for operand in at.operands])
    a, b = at.operands
    if a.rank < 2 or b.rank < 2 or not _is_product(subscripts):
        return None
    batched = b.rank == 2 or a.shape[:-2] == b.shape[:-2]
    return a @ b if batched and a.shape[-1] == b.shape[-2] else None


def _is_product(subscripts: Subscripts) -> bool:
    first, second = subscripts.operands
    *batch, rows, inner = first
    *others, inner_too, columns = second
    labels = (*batch, rows, inner, columns)
    return (
        inner == inner_too
        and others in ([], batch)
        and len(set(labels)) == len(labels)
        and tuple(subscripts.output) == (*batch, rows, columns)
    )


def _equation(operands: Sequence[Sequence[str]], output: Sequence[str]) -> str:
    """The equation with a letter for each label, also for those of an ellipsis."""
    labels = dict.fromkeys(label for operand in operands for label in operand)
    letters = dict(zip(labels, ascii_letters, strict=False))
    terms = ["".join(letters[label] for label in term) for term in (*operands, output)]
    return f"{','.join(terms[:-1])}->{terms[-1]}"
