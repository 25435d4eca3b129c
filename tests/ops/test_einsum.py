"""Einsum on many random equations beside NumPy's, what it is lowered to, and how short its gradient is."""

import random
from collections.abc import Sequence
from math import prod

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.dims import symbol
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor
from op_samples.expansion import expanded_document
from op_samples.sample import Array, Sample, sample_document, sample_inputs, spread

_LETTERS = "abcdeF"


def einsum_sample(equation: str, operands: Sequence[Array]) -> Sample:
    return Sample("einsum.random", Einsum, tuple(operands), {"equation": equation}, lambda: np.zeros(()))


def random_term(generator: random.Random, sizes: dict[str, int]) -> tuple[str, list[int]]:
    """The subscripts of an operand, with a label twice, an axis of size 1 or an ellipsis now and then; and a shape."""
    letters = generator.choices(_LETTERS, k=generator.randint(0, 4))
    once = {label for label in letters if generator.random() < 0.15}
    shape = [1 if label in once else sizes[label] for label in letters]
    if generator.random() < 0.4:
        place = generator.randint(0, len(letters))
        letters.insert(place, "...")
        shape[place:place] = [4, 5][generator.randint(0, 2) :]
    return "".join(letters), shape


def random_equation(seed: int) -> tuple[str, list[Array]]:
    generator = random.Random(seed)
    sizes = {label: generator.choice([1, 2, 3]) for label in _LETTERS}
    terms, operands = list[str](), list[Array]()
    for _ in range(generator.randint(1, 4)):
        term, shape = random_term(generator, sizes)
        terms.append(term)
        operands.append(np.random.default_rng(seed).standard_normal(shape))
    equation = ",".join(terms)
    if generator.random() < 0.7:
        used = sorted({label for label in equation if label.isalpha()})
        output = generator.sample(used, generator.randint(0, len(used)))
        if "..." in equation:  # which NumPy wants in the result, too
            output.insert(generator.randint(0, len(output)), "...")
        equation += "->" + "".join(output)
    return equation, operands


@pytest.mark.parametrize("block", range(5))
def test_random_equations(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        equation, operands = random_equation(seed)
        sample = einsum_sample(equation, operands)
        actual = asg_executor.run(sample_document(sample), sample_inputs(sample))["y0"]
        expected = np.asarray(np.einsum(equation, *operands))
        assert actual.shape == expected.shape, equation
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12, err_msg=equation)


def expanded_ops(equation: str, *operands: Array) -> list[str]:
    return [node.name for node in expanded_document(einsum_sample(equation, operands)).nodes]


def test_lowered_to_one_matrix_product() -> None:
    assert expanded_ops("ij,jk->ik", spread(2, 3), spread(3, 4)) == ["matmul"]
    assert expanded_ops("bij,bjk->bik", spread(2, 2, 3), spread(2, 3, 4)) == ["matmul"]
    scores = expanded_ops("bqhd,bkhd->bhqk", spread(2, 5, 3, 4), spread(2, 6, 3, 4))
    # The axes of the batch are not merged: of what is permuted that would be a copy.
    assert scores == ["permute_dims", "permute_dims", "matmul"]
    assert expanded_ops("bij,bij->j", spread(2, 2, 3), spread(2, 2, 3)) == ["multiply", "sum"]


def test_the_cheapest_products_come_first() -> None:
    # From the left the first product alone would have 100 · 100 elements.
    chain = einsum_sample("ij,jk,kl->il", (spread(100, 2), spread(2, 100), spread(100, 3)))
    document = expanded_document(chain)
    sizes = [prod(int(str(dim)) for dim in document.types[node.id].shape) for node in document.nodes]
    assert max(sizes) == 300
    actual = asg_executor.run(sample_document(chain), sample_inputs(chain))["y0"]
    np.testing.assert_allclose(actual, np.linalg.multi_dot(chain.operands), rtol=1e-12)


def test_many_operands() -> None:
    operands = [np.array(1.0 + 0.01 * index) for index in range(200)]
    sample = einsum_sample(",".join([""] * 200), operands)
    actual = asg_executor.run(sample_document(sample), sample_inputs(sample))["y0"]
    np.testing.assert_allclose(actual, prod(float(operand) for operand in operands), rtol=1e-12)


def symbolic_scores() -> Document:
    editor = Editor()
    shape = (symbol("b"), symbol("q"), 2, 3)
    query = editor.add_input(Input(id="query", dtype=DType.FLOAT64, shape=shape))
    key = editor.add_input(Input(id="key", dtype=DType.FLOAT64, shape=(symbol("b"), symbol("k"), 2, 3)))
    editor.add_output(Output(name="y", value=Einsum.of(query, key, equation="bqhd,bkhd->bhqk").id))
    return editor.document()


def test_the_gradient_of_each_operand_is_one_einsum() -> None:
    document = vjp(symbolic_scores(), ["y"], ["query", "key"])
    added = [node for node in document.nodes if node.id.startswith("grad")]
    assert [node.name for node in added] == ["einsum", "einsum"]


@pytest.mark.parametrize(("batch", "queries", "keys"), [(2, 3, 4), (1, 1, 1), (0, 2, 3), (2, 0, 3)])
def test_symbolic_sizes(batch: int, queries: int, keys: int) -> None:
    query, key = spread(batch, queries, 2, 3), spread(batch, keys, 2, 3)
    actual = asg_executor.run(symbolic_scores(), {"query": query, "key": key})["y"]
    np.testing.assert_allclose(actual, np.einsum("bqhd,bkhd->bhqk", query, key), rtol=1e-12, atol=1e-14)
