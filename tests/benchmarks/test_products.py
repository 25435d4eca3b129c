"""The comparison of matrix products: what it compares computes the same, in whatever order operands lie."""

import pytest

from benchmarks.products import PRODUCTS, Product, compare, numpys, ours


@pytest.mark.parametrize(
    "product", [Product(1, 20, 33, 17), Product(3, 8, 16, 24, True), Product(1, 9, 8, 7, False, True)], ids=str
)
def test_both_ways_to_multiply_agree(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.products._ROUND_SECONDS", 0.0)
    assert all(rate > 0 for rate in compare(product, [ours, numpys]))


def test_products_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.products._ROUND_SECONDS", 0.0)
    with pytest.raises(AssertionError):
        compare(PRODUCTS[0], [ours, lambda *_: lambda: None])
