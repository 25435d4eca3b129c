"""The comparison of matrix products: what it compares computes the same, in whatever order operands lie."""

import numpy as np
import pytest

from benchmarks.products import PRODUCTS, Matrix, Multiply, Product, Way, compare, numpys, ours


@pytest.mark.parametrize(
    "product", [Product(1, 20, 33, 17), Product(3, 8, 16, 24, True), Product(1, 9, 8, 7, False, True)], ids=str
)
def test_both_ways_to_multiply_agree(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.products._ROUND_SECONDS", 0.0)
    assert all(rate > 0 for rate in compare(product, [Way("ASG", ours, "float32"), Way("NumPy", numpys, "float32")]))


def test_products_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.products._ROUND_SECONDS", 0.0)

    def nothing(*_: object) -> Multiply:
        return lambda: None

    with pytest.raises(AssertionError):
        compare(PRODUCTS[0], [Way("ASG", ours, "float32"), Way("nobody", nothing, "float32")])


def test_bfloat16_agrees_with_the_product_of_wider_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.products._ROUND_SECONDS", 0.0)

    def wide(product: Product, left: Matrix, right: Matrix, result: Matrix) -> Multiply:
        return numpys(product, left.astype(np.float32), right.astype(np.float32), result)

    rates = compare(Product(1, 40, 70, 33, True), [Way("ASG", ours, "bfloat16"), Way("", wide, "float32")], "bfloat16")
    assert all(rate > 0 for rate in rates)
