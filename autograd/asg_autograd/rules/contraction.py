"""Gradient rule of the matrix product."""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.ops.contraction import Matmul

__all__: list[str] = []


@rules.define(Matmul)
def _matmul(op: Matmul, at: Application) -> Cotangents:
    a, b = at.operands
    if a.rank == 1 and b.rank == 1:
        return at.g * b, at.g * a
    left, right = "k" if a.rank == 1 else "...mk", "k" if b.rank == 1 else "...kn"
    result = f"...{'' if a.rank == 1 else 'm'}{'' if b.rank == 1 else 'n'}"
    # A matrix that all of a batch shares gets its cotangent by one product over all rows of the batch.
    shared = right if b.rank > 2 else right.removeprefix("...")
    by_b = Einsum.of(a, at.g, equation=f"{left},{result}->{shared}")
    return Einsum.of(at.g, b, equation=f"{result},{right}->{left if a.rank > 1 else '...k'}"), by_b
