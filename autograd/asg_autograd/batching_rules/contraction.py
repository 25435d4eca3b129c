"""Batching rules of products: matrices, sums of products, the affine map, attention, positions and distances."""

from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.contraction import Attention, AttentionWeights, Linear
from asg_schema.composites.contraction_products import CosineSimilarity, PairwiseDistance
from asg_schema.composites.contraction_rotary import RotaryEmbedding
from asg_schema.editing import Value
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.layout import PermuteDims, Reshape

__all__: list[str] = []


@batching.define(Matmul)
def _matmul(op: Matmul, at: Batched) -> Results:
    (a, b), (rows, columns) = at.operands, (at.rank(0), at.rank(1))
    if at.only_first and columns <= 2:
        return at.again(a, b)  # examples are further rows
    if not at.mapped[0] and columns == 1 and rows <= 2:
        return at.again(b, a if rows == 1 else PermuteDims.of(a, axes=(1, 0)))
    if not at.mapped[0] and rows == 1:
        return at.again(a, b)
    return _of_batches(at)


def _of_batches(at: Batched) -> Results:
    """The product where the mapped axis is one of the leading ones: vectors are made matrices for it."""
    rank = max(at.rank(0), at.rank(1), 2)
    left = _as_matrices(at, 0, rank, column=False)
    right = _as_matrices(at, 1, rank, column=True)
    (product,) = at.again(left, right)
    dims = list(product.shape)
    if at.rank(1) == 1:
        del dims[-1]
    if at.rank(0) == 1:
        del dims[-1 if at.rank(1) == 1 else -2]
    return (product if product.rank == len(dims) else Reshape.of(product, shape=tuple(dims)),)


def _as_matrices(at: Batched, index: int, rank: int, *, column: bool) -> Value:
    """An operand with at least two axes, and with leading axes of size 1 where the mapped one stands before them."""
    operand, shape = at.operands[index], at.shape(index)
    if len(shape) == 1:
        shape = (*shape, 1) if column else (1, *shape)
    if at.mapped[index]:
        shape = (at.size, *(1,) * (rank - len(shape)), *shape)
    return operand if operand.shape == shape else Reshape.of(operand, shape=shape)


@batching.define(Linear)
def _linear(op: Linear, at: Batched) -> Results | None:
    return at.again(*at.operands) if at.only_first else None


@batching.define(AttentionWeights)
def _attention_weights(op: AttentionWeights, at: Batched) -> Results:
    return _attended(at, 2)


@batching.define(Attention)
def _attention(op: Attention, at: Batched) -> Results:
    return _attended(at, 3)


def _attended(at: Batched, count: int) -> Results:
    """Attention with `count` operands before the mask, whose leading axes broadcast."""
    rank = max(map(at.rank, range(count)))
    operands = at.aligned(rank)
    if not any(at.mapped[:count]):  # the mask alone would not be let to add an axis
        first = at.every(0)
        operands[0] = Reshape.of(first, shape=(at.size, *(1,) * (rank - at.rank()), *first.shape[1:]))
    return at.again(*operands)


@batching.define(RotaryEmbedding)
def _rotary_embedding(op: RotaryEmbedding, at: Batched) -> Results:
    positions = [at.lifted(1, at.rank() - 1)] if len(at.operands) > 1 else []
    return at.again(at.every(), *positions)


@batching.define(CosineSimilarity)
def _cosine_similarity(op: CosineSimilarity, at: Batched) -> Results:
    rank = max(at.rank(0), at.rank(1))
    return at.again(*at.aligned(), axis=op.axis % rank + 1)


@batching.define(PairwiseDistance)
def _pairwise_distance(op: PairwiseDistance, at: Batched) -> Results:
    return at.again(*at.aligned())
