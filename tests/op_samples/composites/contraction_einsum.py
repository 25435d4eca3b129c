"""Samples of einsum: every product of elements, added up index by index as the equation says."""

from itertools import product

import numpy as np

from asg_schema.composites.contraction_einsum import Einsum
from op_samples.sample import Array, Reference, Sample, spread


def _einsum(equation: str) -> Reference:
    """Sums in loops over one index for each label.

    Args:
        equation: written out, with an arrow and without an ellipsis.
    """
    left, right = equation.split("->")
    terms = left.split(",")

    def reference(*operands: Array) -> Array:
        sizes: dict[str, int] = {}
        for term, operand in zip(terms, operands, strict=True):
            for label, size in zip(term, operand.shape, strict=True):
                sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
        result = np.zeros([sizes[label] for label in right], operands[0].dtype)
        for indices in product(*map(range, sizes.values())):
            at = dict(zip(sizes, indices, strict=True))
            value = np.ones(1, operands[0].dtype)  # an array, because scalars that wrap around warn
            for term, operand in zip(terms, operands, strict=True):
                place = [at[label] if size > 1 else 0 for label, size in zip(term, operand.shape, strict=True)]
                value = value * operand[(*place, None)]
            result[(*(at[label] for label in right), None)] += value
        return result

    return reference


def _case(name: str, equation: str, *operands: Array, meaning: str | None = None) -> Sample:
    """A sample; `meaning` is the equation written out, where it has an ellipsis or no arrow."""
    return Sample(f"einsum.{name}", Einsum, operands, {"equation": equation}, _einsum(meaning or equation))


_A, _B, _C = spread(2, 3), spread(3, 4) * 0.8, spread(4, 2) + 0.3
_SQUARE = spread(3, 3) + 0.2

SAMPLES: list[Sample] = [
    _case("matrix_product", "ij,jk->ik", _A, _B),
    _case("transposed_result", "ij,jk->ki", _A, _B),
    _case("transposed_operands", "ji,kj->ik", spread(3, 2), spread(4, 3)),
    _case("implicit", "ij,jk", _A, _B, meaning="ij,jk->ik"),
    _case("implicit_upper_case_first", "bA", _A, meaning="bA->Ab"),
    _case("spaces", " i j , j k -> i k ", _A, _B, meaning="ij,jk->ik"),
    _case("batches", "bij,bjk->bik", spread(2, 2, 3), spread(2, 3, 2) * 0.8),
    _case("attention_scores", "bqhd,bkhd->bhqk", spread(2, 2, 2, 3), spread(2, 3, 2, 3) * 0.8),
    _case("two_summed_axes", "ijk,kjl->il", spread(2, 3, 2), spread(2, 3, 4)),
    _case("row_and_matrix", "j,jk->k", spread(3), _B),
    _case("batch_of_rows", "bj,bjk->bk", spread(2, 3), spread(2, 3, 2)),
    _case("batch_of_columns", "bij,bj->bi", spread(2, 2, 3), spread(2, 3)),
    _case("inner", "i,i->", spread(4), spread(4) + 0.3),
    _case("batch_of_inner", "bi,bi->b", spread(2, 3), spread(2, 3) + 0.3),
    _case("outer", "i,j->ij", spread(2), spread(3)),
    _case("element_by_element", "ij,ji->ij", _A, spread(3, 2)),
    _case("transpose", "ij->ji", _A),
    _case("sum", "ij->", _A),
    _case("sum_of_rows", "ij->i", _A),
    _case("same", "ij->ij", _A),
    _case("label_of_one_operand_summed", "ij,k->i", _A, spread(4)),
    _case("trace", "ii", _SQUARE, meaning="ii->"),
    _case("diagonal", "ii->i", _SQUARE),
    _case("diagonal_of_batches", "ibi->bi", spread(2, 3, 2)),
    _case("three_times", "iii->i", spread(2, 2, 2)),
    _case("two_diagonals", "iijj->ij", spread(2, 2, 3, 3)),
    _case("diagonal_times_matrix", "ii,ij->ij", _SQUARE, _B),
    _case("same_operand_shape_twice", "ij,ij->", _A, _A + 0.3),
    _case("chain", "ij,jk,kl->il", _A, _B, _C),
    _case("chain_of_four", "ij,jk,kl,lm->im", _A, _B, _C, spread(2, 2) - 0.7),
    _case("bilinear", "bi,oij,bj->bo", spread(2, 3), spread(2, 3, 2), spread(2, 2) + 0.3),
    _case("ellipsis", "...ij,...jk->...ik", spread(2, 2, 3), spread(1, 3, 2) * 0.8, meaning="bij,bjk->bik"),
    _case("ellipsis_of_different_ranks", "i...,...->i...", spread(3, 2, 2), spread(2), meaning="iab,b->iab"),
    _case("ellipsis_in_the_middle", "i...j->j...i", spread(2, 3, 2), meaning="iaj->jai"),
    _case("ellipsis_implicit", "...ij,j", spread(2, 2, 3), spread(3), meaning="aij,j->ai"),
    _case("ellipsis_of_nothing", "...i,...i->...", spread(3), spread(3) + 0.3, meaning="i,i->"),
    _case("ellipsis_summed", "...i->i", spread(2, 3), meaning="ai->i"),
    _case("size_1_repeated", "ij,ij->ij", _A, spread(1, 3), meaning="ij,ij->ij"),
    _case("size_1_summed", "ij,jk->ik", spread(2, 1), _B),
    _case("size_1_everywhere", "ij,jk->ik", spread(2, 1), spread(1, 3)),
    _case("rank_0", ",i->i", np.array(1.5), spread(3)),
    _case("rank_0_alone", "->", np.array(1.5)),
    _case("nothing_to_sum", "ij,jk->ik", np.zeros((2, 0)), np.zeros((0, 3))),
    _case("no_rows", "ij,jk->ik", np.zeros((0, 3)), _B),
    _case("empty_diagonal", "ii->i", np.zeros((0, 0))),
    _case("int64", "ij,jk->ik", np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4)),
    _case("uint8_wraps_around", "i,i->", np.array([200, 100], np.uint8), np.array([2, 3], np.uint8)),
]
